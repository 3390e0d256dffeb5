import { IsSecretFile, ServiceConfig } from '@logline/service';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

export const PREFIX = 'LOGLINE_GATE';

export class GateConfig extends ServiceConfig {
  /** Key file of the gate: `{kid, seed}`, 0600. Signs `minicontainer.applied`; tenants name its kid and public key at their birth. */
  @IsSecretFile()
  readonly keyFile: string;

  /** JSON `[{"kid": "…", "pub": "<64 hex>"}]`: whose signature makes a tenant of this installation. */
  @IsSecretFile()
  readonly operatorKeysFile: string;

  /** How often what changed of the knowledge is saved, so that a restart need not read all facts. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(3_600_000)
  readonly snapshotEveryMs: number = 30_000;
}
