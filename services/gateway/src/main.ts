import { NATS } from '@logline/jetstream/nest';
import type { Pool } from '@logline/postgres';
import { bootService } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { Moves } from './auth/moves.ts';
import { GatewayConfig, PREFIX } from './config.ts';
import { GatewayModule } from './gateway.module.ts';
import { configureHttp, FASTIFY_OPTIONS } from './http/http-server.ts';
import { POOL } from './storage/pool.ts';
import { StreamController } from './stream/stream.controller.ts';

await bootService({
  name: 'gateway',
  prefix: PREFIX,
  config: GatewayConfig,
  module: (config, parts) => GatewayModule.register(config, parts),
  fastify: FASTIFY_OPTIONS,
  configure: configureHttp,
  stop: (app, { closeHttp }) => [
    // streams first: the server waits for every answer that is still being written
    ['end streams', () => app.get(StreamController).closeAll()],
    ['http', closeHttp],
    ['stop listening', () => app.get(Moves).close()],
    ['nats', () => app.get<NatsConnection>(NATS).drain()],
    ['postgresql', () => app.get<Pool>(POOL).end()],
  ],
});
