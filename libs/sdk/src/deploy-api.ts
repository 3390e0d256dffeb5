import {
  formatInstant,
  type Ack,
  type DeployApply,
  type DeployStop,
  type Span,
  type Target,
} from '@logline/contracts';
import type { LogLineSDK } from './sdk.ts';

/** Deploys and what becomes of them. */
export class DeployAPI {
  private readonly sdk: LogLineSDK;

  constructor(sdk: LogLineSDK) {
    this.sdk = sdk;
  }

  /** Asks for a deploy of a full ref. @throws ProofRequiredError and others, as `append` of one span */
  async apply(
    subject: string,
    ref: string,
    target: Target,
    options?: DeployApply['options'],
    proof?: string,
  ): Promise<Ack> {
    const payload: DeployApply = {
      ref,
      target,
      ...(options === undefined ? {} : { options }),
      ...(proof === undefined ? {} : { proof }),
    };
    return first(await this.sdk.append({ intent: 'deploy.apply', subject, payload }));
  }

  async stop(subject: string, target: Target, options?: DeployStop['options'], proof?: string): Promise<Ack> {
    const payload: DeployStop = {
      target,
      ...(options === undefined ? {} : { options }),
      ...(proof === undefined ? {} : { proof }),
    };
    return first(await this.sdk.append({ intent: 'deploy.stop', subject, payload }));
  }

  /** Calls back with each run state from now on; returns what ends it. */
  status(subject: string, onSpan: (span: Span) => void): () => void {
    return this.sdk.stream({ subject, intent: 'run_state.*', since: formatInstant(this.sdk.now()) }, onSpan);
  }
}

/** The only ack of a single span; `append` guarantees there is one. */
export function first(acks: readonly Ack[]): Ack {
  const [ack] = acks;
  if (ack === undefined) throw new RangeError('append answered no ack');
  return ack;
}
