import { MikroORM } from '@mikro-orm/postgresql';
import type { NatsConnection } from '@nats-io/nats-core';
import { JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { Leadership, type Pool } from '@logline/postgres';
import { bootService } from '@logline/service';
import { OrchestratorConfig, PREFIX } from './config.ts';
import { DeployOrchestratorModule } from './deploy-orchestrator.module.ts';
import { Reactions } from './react/reactions.ts';
import { POOL } from './storage/pool.ts';

await bootService({
  name: 'deploy-orchestrator',
  prefix: PREFIX,
  config: OrchestratorConfig,
  module: (config, parts) => DeployOrchestratorModule.register(config, parts),
  transports: (app) => [app.get(JetStreamStrategy)],
  started: (app) => app.get(Leadership).start(),
  stop: (app) => [
    // a reaction that waits for its verdict is asked for again by whoever leads next
    ['reactions', () => app.get(Reactions).end()],
    ['intake', () => app.get(JetStreamStrategy).close()],
    ['lease', () => app.get(Leadership).release()],
    ['nats', () => app.get<NatsConnection>(NATS).drain()],
    ['entities', () => app.get(MikroORM).close()],
    ['postgresql', () => app.get<Pool>(POOL).end()],
  ],
});
