import type { Ack, ApikeyCreate, KeyAdd, KeyRevoke, RunnerAdd } from '@logline/contracts';
import { first } from './deploy-api.ts';
import type { LogLineSDK } from './sdk.ts';

/** Who may speak for the tenant: keys, API tokens, runners. */
export class RegistryAPI {
  private readonly sdk: LogLineSDK;

  constructor(sdk: LogLineSDK) {
    this.sdk = sdk;
  }

  async keyAdd(payload: KeyAdd): Promise<Ack> {
    return this.append('registry.key.add', payload);
  }

  async keyRevoke(payload: KeyRevoke): Promise<Ack> {
    return this.append('registry.key.revoke', payload);
  }

  async apikeyCreate(payload: ApikeyCreate): Promise<Ack> {
    return this.append('registry.apikey.create', payload);
  }

  async apikeyRevoke(tokenId: string): Promise<Ack> {
    return this.append('registry.apikey.revoke', { token_id: tokenId });
  }

  async runnerAdd(payload: RunnerAdd): Promise<Ack> {
    return this.append('registry.runner.add', payload);
  }

  async runnerRemove(runner: string): Promise<Ack> {
    return this.append('registry.runner.remove', { runner });
  }

  /** Opens the log to anybody, with every span's content, or closes it again; what was read meanwhile stays read. */
  async logPublish(isPublic: boolean): Promise<Ack> {
    return this.append('registry.log.publish', { public: isPublic });
  }

  private async append(intent: string, payload: Record<string, unknown>): Promise<Ack> {
    return first(await this.sdk.append({ intent, subject: `urn:tenant:${this.sdk.tenant}`, payload }));
  }
}
