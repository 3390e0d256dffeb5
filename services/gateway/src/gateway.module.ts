import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  classifyBy,
  JetStreamModule,
  NATS,
  Publisher,
  ReplyInbox,
  type NatsConnection,
} from '@logline/jetstream';
import { openPool, POSTGRES_FAULTS } from '@logline/postgres';
import { LOG, readSecretFile, type ServiceParts } from '@logline/service';
import { ArtifactsController } from './artifacts/artifacts.controller.ts';
import { AuthService } from './auth/auth.service.ts';
import { Moves } from './auth/moves.ts';
import { GatewayConfig } from './config.ts';
import { LogController } from './log/log.controller.ts';
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
  static register(config: GatewayConfig, { log }: ServiceParts): DynamicModule {
    return {
      module: GatewayModule,
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: () => readSecretFile(config.natsPasswordFile),
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
      ],
      providers: [
        { provide: LOG, useValue: log },
        { provide: GatewayConfig, useValue: config },
        {
          provide: POOL,
          useFactory: () => openPool(readSecretFile(config.postgresUrlFile), { name: 'gateway', max: 16 }),
        },
        {
          provide: SubmitService,
          inject: [NATS, Publisher],
          useFactory: async (nc: NatsConnection, publisher: Publisher) =>
            new SubmitService(publisher, await ReplyInbox.open(nc, config.natsUser)),
        },
        { provide: APP_FILTER, useClass: ProblemFilter },
        Moves,
        Tails,
        AuthService,
      ],
    };
  }
}
