import type { Ack, Manifest } from '@logline/contracts';
import { first } from './deploy-api.ts';
import type { LogLineSDK } from './sdk.ts';

/** Manifests. */
export class MiniContainerAPI {
  private readonly sdk: LogLineSDK;

  constructor(sdk: LogLineSDK) {
    this.sdk = sdk;
  }

  /** Declares or updates a container. The ack's verdict names the ref. */
  async apply(subject: string, manifest: Manifest): Promise<Ack> {
    return first(await this.sdk.append({ intent: 'minicontainer.apply', subject, payload: { manifest } }));
  }
}
