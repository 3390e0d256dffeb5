import type { NatsConnection } from '@nats-io/nats-core';
import { JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { Leadership, type Pool } from '@logline/postgres';
import { bootService } from '@logline/service';
import { PREFIX, ProjectorConfig } from './config.ts';
import { ProjectorModule } from './projector.module.ts';
import { POOL } from './storage/pool.ts';

await bootService({
  name: 'projector',
  prefix: PREFIX,
  config: ProjectorConfig,
  module: (config, parts) => ProjectorModule.register(config, parts),
  transports: (app) => [app.get(JetStreamStrategy)],
  started: (app) => app.get(Leadership).start(),
  stop: (app) => [
    // finish the batch, then let another one lead, and only then hang up
    ['intake', () => app.get(JetStreamStrategy).close()],
    ['lease', () => app.get(Leadership).release()],
    ['nats', () => app.get<NatsConnection>(NATS).drain()],
    ['postgresql', () => app.get<Pool>(POOL).end()],
  ],
});
