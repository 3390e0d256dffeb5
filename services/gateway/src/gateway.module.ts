import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { classifyBy, Publisher, ReplyInbox } from '@logline/jetstream';
import { JetStreamModule, NATS } from '@logline/jetstream/nest';
import { openPool, POSTGRES_FAULTS, query, type Pool } from '@logline/postgres';
import { readSecretFile, type ServiceParts } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { ArtifactsController } from './artifacts/artifacts.controller.ts';
import { AuthService } from './auth/auth.service.ts';
import { Moves } from './auth/moves.ts';
import { GatewayConfig } from './config.ts';
import { LogAccess } from './log/log-access.ts';
import { LogController } from './log/log.controller.ts';
import { ProofsController } from './log/proofs.controller.ts';
import { RotationsController } from './log/rotations.controller.ts';
import { ProblemFilter } from './problem/problem.filter.ts';
import { QueryController } from './query/query.controller.ts';
import { ReceiptsController } from './receipts/receipts.controller.ts';
import { SpansController } from './spans/spans.controller.ts';
import { SubmitService } from './spans/submit.service.ts';
import { StateController } from './state/state.controller.ts';
import { POOL } from './storage/pool.ts';
import { StreamController } from './stream/stream.controller.ts';
import { Tails } from './stream/tails.ts';

@Module({})
export class GatewayModule {
  static register(config: Readonly<GatewayConfig>, { log, readiness, metrics }: ServiceParts): DynamicModule {
    return {
      module: GatewayModule,
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: readSecretFile(config.natsPasswordFile),
          name: 'gateway',
          log,
          classify: classifyBy({ PostgresError: POSTGRES_FAULTS }),
        }),
      ],
      controllers: [
        // before the span route, whose parameter would take `query` for a span id
        QueryController,
        SpansController,
        ReceiptsController,
        StateController,
        StreamController,
        ArtifactsController,
        LogController,
        ProofsController,
        RotationsController,
      ],
      providers: [
        { provide: GatewayConfig, useValue: config },
        {
          provide: POOL,
          useFactory: (): Pool => {
            const pool = openPool(readSecretFile(config.postgresUrlFile), { name: 'gateway', max: 16 });
            readiness.add('postgresql', async () => (await query(pool, 'select 1')).length === 1 || 'odd');
            metrics.gauge('gateway_queries_waiting', 'for a connection', () => pool.waitingCount);
            return pool;
          },
        },
        {
          provide: SubmitService,
          inject: [NATS, Publisher],
          useFactory: (nc: NatsConnection, publisher: Publisher): SubmitService => {
            const submit = new SubmitService(publisher, ReplyInbox.open(nc, config.natsUser, log));
            readiness.add('nats', async () => (await nc.rtt()) >= 0 || 'odd');
            metrics.gauge('gateway_requests_waiting', 'for their envelope', () => submit.waiting);
            return submit;
          },
        },
        { provide: APP_FILTER, useClass: ProblemFilter },
        Moves,
        Tails,
        AuthService,
        LogAccess,
      ],
    };
  }
}
