import { JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import type { Pool } from '@logline/postgres';
import { bootService } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { LedgerConfig, PREFIX } from './config.ts';
import { PARTITIONS, type Partitions } from './lead/partitions.ts';
import { LedgerModule, POOL } from './ledger.module.ts';

await bootService({
  name: 'ledger',
  prefix: PREFIX,
  config: LedgerConfig,
  module: (config, parts) => LedgerModule.register(config, parts),
  transports: (app) => [app.get(JetStreamStrategy)],
  started: (app) => app.get<Partitions>(PARTITIONS).start(),
  stop: (app) => [
    // finish what was taken, then let another one lead, and only then hang up
    ['intake', () => app.get(JetStreamStrategy).close()],
    ['lease', () => app.get<Partitions>(PARTITIONS).release()],
    ['nats', () => app.get<NatsConnection>(NATS).drain()],
    ['postgresql', () => app.get<Pool>(POOL).end()],
  ],
});
