import { IsSecretFile, ServiceConfig } from '@logline/service';
import { IsOptional, Matches } from 'class-validator';

export const PREFIX = 'LOGLINE_LEDGER';

export class LedgerConfig extends ServiceConfig {
  /** File holding the PostgreSQL URL of the role `ledger`. Its tables must be there: `node dist/migrate.js`. */
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
}
