import { IsSecretFile, ServiceConfig } from '@logline/service';

export const PREFIX = 'LOGLINE_PROJECTOR';

/** Environment of the projector, each key under `LOGLINE_PROJECTOR_`. */
export class ProjectorConfig extends ServiceConfig {
  /** File with the PostgreSQL URL of the role that owns the schema `views`; all of it is rebuildable from facts. */
  @IsSecretFile()
  readonly postgresUrlFile: string;
}
