import { IsSecretFile, KnowledgeConfig } from '@logline/service';

export const PREFIX = 'LOGLINE_VERIFIER';

export class VerifierConfig extends KnowledgeConfig {
  /** Key file of the verifier: `{kid, seed}`, 0600. Signs its verdicts; tenants name its kid and public key at their birth. */
  @IsSecretFile()
  readonly keyFile: string;
}
