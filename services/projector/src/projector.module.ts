import { Module, type DynamicModule } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/nats-core';
import { CONSUMERS, STREAMS } from '@logline/contracts';
import { classifyBy, recreateConsumer, warnOfAged } from '@logline/jetstream';
import { JetStreamModule, JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { Leadership, openPool, POSTGRES_FAULTS, query, type Pool } from '@logline/postgres';
import { FactReaderMetrics, readSecretFile, type ServiceParts } from '@logline/service';
import type { ProjectorConfig } from './config.ts';
import { PROJECTOR_FAULTS } from './errors.ts';
import { CosignedController } from './cosigned/cosigned.controller.ts';
import { ProjectController } from './project/project.controller.ts';
import { ProjectService } from './project/project.service.ts';
import { POOL } from './storage/pool.ts';
import { loadCursor } from './storage/stream-cursor.ts';

const CONSUMER = CONSUMERS.projector;

/** Wiring only: one projector at a time writes the views. */
@Module({})
export class ProjectorModule {
  static register(
    config: Readonly<ProjectorConfig>,
    { log, metrics, readiness }: ServiceParts,
  ): DynamicModule {
    const url = readSecretFile(config.postgresUrlFile);
    return {
      module: ProjectorModule,
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: readSecretFile(config.natsPasswordFile),
          name: 'projector',
          log,
          classify: classifyBy({ PostgresError: POSTGRES_FAULTS, ProjectorError: PROJECTOR_FAULTS }),
        }),
      ],
      controllers: [ProjectController, CosignedController],
      providers: [
        { provide: POOL, useFactory: () => openPool(url, { name: 'projector', max: 4, pipeline: true }) },
        {
          provide: FactReaderMetrics,
          useFactory: () => new FactReaderMetrics('projector', metrics, readiness, log),
        },
        ProjectService,
        {
          provide: Leadership,
          inject: [NATS, JetStreamStrategy, POOL, ProjectService],
          useFactory: (
            nc: NatsConnection,
            strategy: JetStreamStrategy,
            pool: Pool,
            service: ProjectService,
          ): Leadership => {
            const leadership = new Leadership({
              pool,
              name: CONSUMER,
              begin: async () => {
                service.forget();
                // whatever an earlier leader held comes again, in order; a database that was lost is filled from the beginning
                const noLaterThan = (await loadCursor(pool, STREAMS.facts)) + 1;
                await warnOfAged(nc, noLaterThan, log);
                await recreateConsumer(nc, STREAMS.facts, CONSUMER, { noLaterThan });
                strategy.resume(STREAMS.facts, CONSUMER);
                // one message for each log: all of them again, whatever the database lost
                await recreateConsumer(nc, STREAMS.cosigned, CONSUMERS.projectorCosigned, { noLaterThan: 1 });
                strategy.resume(STREAMS.cosigned, CONSUMERS.projectorCosigned);
              },
              end: async () => {
                await strategy.pause(STREAMS.facts, CONSUMER);
                await strategy.pause(STREAMS.cosigned, CONSUMERS.projectorCosigned);
              },
              log,
            });
            metrics.gauge('projector_leading', '1 while this process writes the views', () =>
              leadership.epoch === undefined ? 0 : 1,
            );
            metrics.collect('projector_parked_total', 'facts parked since the start', 'counter', () => [
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
