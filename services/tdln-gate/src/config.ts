import { IsSecretFile, KnowledgeConfig } from '@logline/service';

export const PREFIX = 'LOGLINE_GATE';

export class GateConfig extends KnowledgeConfig {
  /** Key file of the gate: `{kid, seed}`, 0600. Signs `minicontainer.applied`; tenants name its kid and public key at their birth. */
  @IsSecretFile()
  readonly keyFile: string;

  /** JSON `[{"kid": "…", "pub": "<64 hex>"}]`: whose signature makes a tenant of this installation. */
  @IsSecretFile()
  readonly operatorKeysFile: string;
}
