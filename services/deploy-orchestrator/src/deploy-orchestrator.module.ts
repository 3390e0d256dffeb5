import { Module, type DynamicModule } from '@nestjs/common';
import { MikroORM } from '@mikro-orm/postgresql';
import type { NatsConnection } from '@nats-io/nats-core';
import { CONSUMERS, FIRST_PARTITION, STREAMS, submitService } from '@logline/contracts';
import { classifyBy, FactSubmitter, recreateConsumer, ReplyInbox, warnOfAged } from '@logline/jetstream';
import { JetStreamModule, JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { createOrm, Leadership, openPool, POSTGRES_FAULTS, query, type Pool } from '@logline/postgres';
import { FactReaderMetrics, readKeyFile, readSecretFile, type ServiceParts } from '@logline/service';
import type { OrchestratorConfig } from './config.ts';
import { ORCHESTRATOR_FAULTS } from './errors.ts';
import { Deadlines } from './expire/deadlines.ts';
import { FollowController } from './follow/follow.controller.ts';
import { FollowService } from './follow/follow.service.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { ReactionMetrics } from './react/reaction-metrics.ts';
import { Reactions, SERVICE } from './react/reactions.ts';
import { DeployStore } from './storage/deploy.store.ts';
import { ENTITIES } from './storage/entities.ts';
import { POOL } from './storage/pool.ts';

const CONSUMER = CONSUMERS.orchestrator(FIRST_PARTITION);

/** Wiring only: one orchestrator at a time follows the partition's facts. */
@Module({})
export class DeployOrchestratorModule {
  static register(
    config: Readonly<OrchestratorConfig>,
    { log, metrics, readiness }: ServiceParts,
  ): DynamicModule {
    const url = readSecretFile(config.postgresUrlFile);
    const signer = readKeyFile(config.keyFile);
    return {
      module: DeployOrchestratorModule,
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: readSecretFile(config.natsPasswordFile),
          name: SERVICE,
          log,
          classify: classifyBy({ PostgresError: POSTGRES_FAULTS, OrchestratorError: ORCHESTRATOR_FAULTS }),
        }),
      ],
      controllers: [FollowController],
      providers: [
        // the lease has a connection of its own: facts that wait for the database must not cost it
        { provide: POOL, useFactory: () => openPool(url, { name: SERVICE, max: 2 }) },
        {
          provide: MikroORM,
          useFactory: () =>
            createOrm({ url, schema: 'orchestrator', entities: ENTITIES, migrations: MIGRATIONS }),
        },
        {
          provide: Reactions,
          inject: [NATS],
          useFactory: (nc: NatsConnection) => {
            const user = config.natsUser;
            const inbox = ReplyInbox.open(nc, user, log);
            const submitter = new FactSubmitter({ nc, inbox, subject: submitService(SERVICE), user });
            return new Reactions(submitter, signer);
          },
        },
        {
          provide: FactReaderMetrics,
          useFactory: () => new FactReaderMetrics('orchestrator', metrics, readiness, log),
        },
        { provide: ReactionMetrics, useFactory: () => new ReactionMetrics(metrics) },
        DeployStore,
        Deadlines,
        FollowService,
        {
          provide: Leadership,
          inject: [NATS, JetStreamStrategy, POOL, DeployStore, Deadlines, Reactions],
          useFactory: (
            nc: NatsConnection,
            strategy: JetStreamStrategy,
            pool: Pool,
            store: DeployStore,
            deadlines: Deadlines,
            reactions: Reactions,
          ): Leadership => {
            const leadership = new Leadership({
              pool,
              name: CONSUMER,
              begin: async () => {
                reactions.begin();
                await deadlines.armAll();
                // whatever an earlier leader held comes again, in order; a database that was lost is filled from the beginning
                const noLaterThan = (await store.cursorOf(STREAMS.facts)) + 1;
                await warnOfAged(nc, noLaterThan, log);
                await recreateConsumer(nc, STREAMS.facts, CONSUMER, { noLaterThan });
                strategy.resume(STREAMS.facts, CONSUMER);
              },
              end: async () => {
                reactions.end();
                deadlines.stop();
                await strategy.pause(STREAMS.facts, CONSUMER);
              },
              log,
            });
            metrics.gauge('orchestrator_leading', '1 while this process plans deploys', () =>
              leadership.epoch === undefined ? 0 : 1,
            );
            metrics.gauge(
              'orchestrator_waiting_deadlines',
              'containers whose next deadline is waited for',
              () => deadlines.waiting,
            );
            metrics.collect('orchestrator_parked_total', 'facts parked since the start', 'counter', () => [
              { labels: {}, value: strategy.statuses().reduce((sum, { parked }) => sum + parked, 0) },
            ]);
            readiness.state('role', () =>
              leadership.epoch === undefined ? 'standby' : `leader of epoch ${leadership.epoch}`,
            );
            readiness.add('nats', async () => (await nc.rtt()) >= 0 || 'no answer');
            readiness.add('consumer', () => strategy.isHealthy() || 'nothing is heard from the stream');
            readiness.add(
              'postgresql',
              async () => (await query(pool, 'select 1')).length === 1 || 'no answer',
            );
            return leadership;
          },
        },
      ],
    };
  }
}
