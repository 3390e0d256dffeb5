import { Module, type DynamicModule } from '@nestjs/common';
import { MikroORM } from '@mikro-orm/postgresql';
import { submitService } from '@logline/contracts';
import {
  classifyBy,
  FactSubmitter,
  JetStreamModule,
  NATS,
  ReplyInbox,
  type NatsConnection,
} from '@logline/jetstream';
import { createOrm, openPool, POSTGRES_FAULTS } from '@logline/postgres';
import { LOG, readKeyFile, readSecretFile, type ServiceParts } from '@logline/service';
import { OrchestratorConfig } from './config.ts';
import { ORCHESTRATOR_FAULTS } from './errors.ts';
import { Deadlines } from './expire/deadlines.ts';
import { FollowController } from './follow/follow.controller.ts';
import { FollowService } from './follow/follow.service.ts';
import { Leadership } from './leadership.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { Reactions, SERVICE } from './react/reactions.ts';
import { DeployStore } from './storage/deploy.store.ts';
import { ENTITIES } from './storage/entities.ts';
import { POOL } from './storage/pool.ts';

@Module({})
export class DeployOrchestratorModule {
  static register(config: OrchestratorConfig, { log }: ServiceParts): DynamicModule {
    const url = readSecretFile(config.postgresUrlFile);
    return {
      module: DeployOrchestratorModule,
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: () => readSecretFile(config.natsPasswordFile),
          name: SERVICE,
          log,
          classify: classifyBy({ PostgresError: POSTGRES_FAULTS, OrchestratorError: ORCHESTRATOR_FAULTS }),
        }),
      ],
      controllers: [FollowController],
      providers: [
        { provide: LOG, useValue: log },
        { provide: POOL, useFactory: () => openPool(url, { name: SERVICE, max: 4 }) },
        {
          provide: MikroORM,
          useFactory: () =>
            createOrm({ url, schema: 'orchestrator', entities: ENTITIES, migrations: MIGRATIONS }),
        },
        {
          provide: Reactions,
          inject: [NATS],
          useFactory: async (nc: NatsConnection) => {
            const inbox = await ReplyInbox.open(nc, config.natsUser);
            const subject = submitService(SERVICE);
            const submitter = new FactSubmitter({ nc, inbox, subject, user: config.natsUser });
            return new Reactions(submitter, readKeyFile(config.keyFile));
          },
        },
        DeployStore,
        Deadlines,
        FollowService,
        Leadership,
      ],
    };
  }
}
