import type { Ack, Proof } from '@logline/contracts';
import { first } from './deploy-api.ts';
import type { LogLineSDK } from './sdk.ts';

/** Proofs and grants. */
export class WalletAPI {
  private readonly sdk: LogLineSDK;

  constructor(sdk: LogLineSDK) {
    this.sdk = sdk;
  }

  /** Submits a proof; ok means a deploy sent right after it passes. */
  async submitProof(subject: string, proof: Proof): Promise<Ack> {
    return first(await this.sdk.append({ intent: 'wallet.proof.submit', subject, payload: { proof } }));
  }

  /** Ends a grant: no start after this opens it. */
  async revokeGrant(subject: string, grant: string, why?: string): Promise<Ack> {
    const payload = { grant, ...(why === undefined ? {} : { why }) };
    return first(await this.sdk.append({ intent: 'wallet.grant.revoke', subject, payload }));
  }
}
