import { formatHex, type LocalSigner } from '@logline/canon-sign';
import { FIRST_PARTITION } from '@logline/contracts';
import { classifyBy } from '@logline/jetstream';
import { JetStreamModule, JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { Leadership, openPool, type Pool, POSTGRES_FAULTS } from '@logline/postgres';
import { ConfigError, readKeyFile, readSecretFile, type ServiceParts } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { type DynamicModule, Module } from '@nestjs/common';
import { appendMetrics } from './append/append-metrics.ts';
import { AppendController } from './append/append.controller.ts';
import { AppendService } from './append/append.service.ts';
import type { LedgerConfig } from './config.ts';
import { LEDGER_FAULTS } from './errors.ts';
import { assemblePartition, type Partition } from './lead/partition.ts';

export const POOL: unique symbol = Symbol('POOL');
const PARTITION: unique symbol = Symbol('PARTITION');

/** Wiring only. */
@Module({})
export class LedgerModule {
  static register(config: Readonly<LedgerConfig>, { log, metrics, readiness }: ServiceParts): DynamicModule {
    const postgresUrl = readSecretFile(config.postgresUrlFile);
    const signer = readKeyFile(config.keyFile);
    const otherSigner = readOtherKey(config, signer);
    return {
      module: LedgerModule,
      controllers: [AppendController],
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
        { provide: POOL, useFactory: () => openPool(postgresUrl, { name: 'ledger', max: 3 }) },
        {
          provide: PARTITION,
          inject: [NATS, JetStreamStrategy, POOL],
          useFactory: (nc: NatsConnection, strategy: JetStreamStrategy, pool: Pool): Partition => {
            const { origin } = config;
            const partition = assemblePartition({
              partition: FIRST_PARTITION,
              nc,
              strategy,
              postgresUrl,
              pool,
              signer,
              otherSigner,
              origin,
              metrics: appendMetrics(metrics),
              log,
            });
            const { append, lane, leadership } = partition;
            metrics.gauge('ledger_leading', '1 while this process leads the partition', () =>
              leadership.epoch === undefined ? 0 : 1,
            );
            metrics.gauge('ledger_waiting_envelopes', 'envelopes that wait for a turn', () => append.waiting);
            metrics.gauge(
              'ledger_facts_backlog',
              'facts committed and not yet published',
              () => lane.backlog,
            );
            readiness.state('partition 0', () =>
              leadership.epoch === undefined ? 'standby' : `leader of epoch ${leadership.epoch}`,
            );
            readiness.add('nats', () => !nc.isClosed() || 'the connection is closed');
            readiness.add('facts', () => lane.isFlowing() || `${lane.backlog} facts wait for the stream`);
            return partition;
          },
        },
        { provide: AppendService, inject: [PARTITION], useFactory: ({ append }: Partition) => append },
        { provide: Leadership, inject: [PARTITION], useFactory: ({ leadership }: Partition) => leadership },
      ],
    };
  }
}

/** @throws ConfigError `BAD_KEY_FILE`: one key twice would sign every checkpoint twice, and no verifier reads that */
function readOtherKey({ nextKeyFile }: Readonly<LedgerConfig>, signer: LocalSigner): LocalSigner | undefined {
  if (nextKeyFile === undefined) return undefined;
  const other = readKeyFile(nextKeyFile);
  if (formatHex(other.publicKey) === formatHex(signer.publicKey))
    throw new ConfigError('BAD_KEY_FILE', `${nextKeyFile} is the same key as LOGLINE_LEDGER_KEY_FILE`);
  return other;
}
