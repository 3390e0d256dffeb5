import { IsSecretFile, ServiceConfig } from '@logline/service';
import { MOST_PARTITIONS } from '@logline/contracts';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';

export const PREFIX = 'LOGLINE_LEDGER';

export class LedgerConfig extends ServiceConfig {
  /** File holding the PostgreSQL URL of the role `ledger`. The tables must be there: `node dist/migrate.js`. */
  @IsSecretFile()
  readonly postgresUrlFile: string;

  /** Key file of the log: `{kid, seed}`, 0600. Signs receipts and checkpoints of every tenant that was not led on to another key. */
  @IsSecretFile()
  readonly keyFile: string;

  /**
   * Key file of a second key of the log, while one gives way to another (docs/log-key-rotation.md). Both sign every checkpoint; each receipt is
   * signed by the key that the tenant's own log names for its time. Which of the two files is which makes no difference.
   */
  @IsOptional()
  @IsSecretFile()
  readonly nextKeyFile?: string;

  /** What the logs' origins begin with, such as `logline.example`; a tenant's log is `<origin>/<tenant>`. Never change it: it is in every signed checkpoint. */
  @Matches(/^[a-z0-9]([a-z0-9.:/-]{0,126}[a-z0-9])?$/, {
    message: 'must be a schema-less URL prefix without a trailing slash',
  })
  readonly origin: string;

  /**
   * How many partitions the installation has; the same for every ledger and for the migration of streams. Tenants born from now on are spread over them; those there are
   * stay where they are until they are moved (`node dist/maintain.js move`). Never fewer than before while one of those above holds a log.
   */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(MOST_PARTITIONS)
  readonly partitions: number = 1;

  /** Which of them this process contends for, such as `0,2,3`; all by default. Each needs some process that does. */
  @IsOptional()
  @Matches(/^\d{1,3}(,\d{1,3})*$/, { message: 'must be numbers of partitions with commas between them' })
  readonly leads?: string;

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

/** Not the service's own prefix: the service must not even be told. */
export const MIGRATE_PREFIX = 'LOGLINE_MIGRATE';

/** What only `migrate` reads, beside the service's own configuration. */
export class MigrateConfig {
  /** File holding the PostgreSQL URL of the role `ledger_owner`, to whom the tables belong. Keep it where the service cannot read it. */
  @IsSecretFile()
  readonly postgresUrlFile: string;
}
