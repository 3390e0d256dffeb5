import { IsSecretFile, ServiceConfig } from '@logline/service';

export const PREFIX = 'LOGLINE_ORCHESTRATOR';

/** Environment of the orchestrator, each key under `LOGLINE_ORCHESTRATOR_` (`…_POSTGRES_URL_FILE`, …). */
export class OrchestratorConfig extends ServiceConfig {
  /** File with the PostgreSQL URL of the role `orchestrator`; its schema is rebuildable from facts. */
  @IsSecretFile()
  readonly postgresUrlFile: string;

  /** Key file {kid, seed}, 0600: signs `deploy.planned` and `deploy.failed`. Each tenant's log names its public half. */
  @IsSecretFile()
  readonly keyFile: string;
}
