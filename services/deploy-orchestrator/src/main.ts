import { MikroORM } from '@mikro-orm/postgresql';
import { JetStreamStrategy, NATS } from '@logline/jetstream';
import { bootService } from '@logline/service';
import { OrchestratorConfig, PREFIX } from './config.ts';
import { DeployOrchestratorModule } from './deploy-orchestrator.module.ts';
import { Leadership } from './leadership.ts';

await bootService({
  name: 'deploy-orchestrator',
  prefix: PREFIX,
  config: OrchestratorConfig,
  module: (config, parts) => DeployOrchestratorModule.register(config, parts),
  transports: (app) => [app.get(JetStreamStrategy)],
  started: (app) => void app.get(Leadership).lead(),
  stop: (app) => [
    ['stop intake', () => app.get(JetStreamStrategy).close()],
    ['release lease', () => app.get(Leadership).release()],
    ['close', () => app.get(NATS).drain()],
    ['close database', () => app.get(MikroORM).close()],
  ],
});
