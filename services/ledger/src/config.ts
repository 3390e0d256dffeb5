import { IsSecretFile, ServiceConfig } from '@logline/service';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';

export const PREFIX = 'LOGLINE_LEDGER';

export class LedgerConfig extends ServiceConfig {
  /** File holding the PostgreSQL URL of the role `ledger`. Its tables must be there: `node dist/migrate.js`. */
  @IsSecretFile()
  readonly postgresUrlFile: string;

  /** Key file of the log: `{kid, seed}`, 0600. Signs receipts and checkpoints of every tenant. */
  @IsSecretFile()
  readonly keyFile: string;

  /** What the logs' origins begin with, such as `logline.example`; a tenant's log is `<origin>/<tenant>`. Never change it: it is in every signed checkpoint. */
  @Matches(/^[a-z0-9]([a-z0-9.:/-]{0,126}[a-z0-9])?$/, {
    message: 'must be a schema-less URL prefix without a trailing slash',
  })
  readonly origin: string;

  /** Policy file (C2SP tlog-policy) of the witnesses that cosign our checkpoints, each with its URL; `log` lines, where there are any, name the logs that are sent to them. Left out: no witnesses. */
  @IsOptional()
  @IsSecretFile()
  readonly witnessPolicyFile?: string;

  /** `fail_open`: receipts do not wait for witnesses. `fail_closed`: no receipt is given out before the policy's quorum has cosigned a checkpoint that covers it. */
  @IsOptional()
  @IsIn(['fail_open', 'fail_closed'])
  readonly witnessMode: 'fail_open' | 'fail_closed' = 'fail_open';

  /** How long a witness may take to answer. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(50)
  @Max(30_000)
  readonly witnessTimeoutMs: number = 1_000;

  /** A log that grows is sent to its witnesses this often at most; with `fail_closed` receipts wait for it. 1,000 when left out, and 0 with `fail_closed`. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(3_600_000)
  readonly witnessEveryMs?: number;
}
