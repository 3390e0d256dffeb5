import { classifyBy, LedgerLines, Publisher } from '@logline/jetstream';
import { JetStreamModule, JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { openPool, type Pool, POSTGRES_FAULTS } from '@logline/postgres';
import { readSecretFile, type ServiceParts } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { type DynamicModule, Module } from '@nestjs/common';
import { appendMetrics } from './append/append-metrics.ts';
import { appendController } from './append/append.controller.ts';
import type { LedgerConfig } from './config.ts';
import { LEDGER_FAULTS } from './errors.ts';
import { readSigningKeys } from './lead/signing-keys.ts';
import { assemblePartition } from './lead/partition.ts';
import { ledPartitions, PARTITIONS, Partitions } from './lead/partitions.ts';
import { reportWitnesses } from './witness/report-witnesses.ts';
import { readWitnessSettings } from './witness/assemble-witnesses.ts';
import { witnessMetrics } from './witness/witness-metrics.ts';

export const POOL: unique symbol = Symbol('POOL');

/** Wiring only. */
@Module({})
export class LedgerModule {
  static register(config: Readonly<LedgerConfig>, { log, metrics, readiness }: ServiceParts): DynamicModule {
    const postgresUrl = readSecretFile(config.postgresUrlFile);
    const { signer, otherSigner } = readSigningKeys(config);
    const led = ledPartitions(config);
    const witnessing = readWitnessSettings(config, () => witnessMetrics(metrics));
    return {
      module: LedgerModule,
      controllers: led.map(appendController),
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: readSecretFile(config.natsPasswordFile),
          name: 'ledger',
          log,
          classify: classifyBy({ LedgerError: LEDGER_FAULTS, PostgresError: POSTGRES_FAULTS }),
        }),
      ],
      providers: [
        { provide: POOL, useFactory: () => openPool(postgresUrl, { name: 'ledger', max: 3 + led.length }) },
        {
          provide: PARTITIONS,
          inject: [NATS, JetStreamStrategy, Publisher, POOL],
          useFactory: (
            nc: NatsConnection,
            strategy: JetStreamStrategy,
            publisher: Publisher,
            pool: Pool,
          ): Partitions => {
            const { origin, partitions: count } = config;
            const shared = {
              nc,
              strategy,
              postgresUrl,
              pool,
              signer,
              otherSigner,
              origin,
              log,
              witnessing,
              partitions: count,
            };
            const lines = new LedgerLines(publisher);
            const shown = appendMetrics(metrics);
            const partitions = new Partitions(
              new Map(
                led.map((partition) => [
                  partition,
                  assemblePartition({ ...shared, partition, lines, metrics: shown }),
                ]),
              ),
            );
            partitions.show(metrics, readiness);
            reportWitnesses(partitions.all, { metrics, readiness });
            readiness.add('nats', () => !nc.isClosed() || 'the connection is closed');
            return partitions;
          },
        },
      ],
    };
  }
}
