import { FIRST_PARTITION, GATE_BUCKET, verifyPartition, type AcceptRequest } from '@logline/contracts';
import { answer, classifyBy, Coalescer, LedgerLines, Publisher } from '@logline/jetstream';
import { KnowledgeKeeper, SnapshotStore } from '@logline/jetstream/knowledge';
import { JetStreamModule, JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { readKeyFile, readSecretFile, type ServiceParts } from '@logline/service';
import { TDLN_FAULTS, TenantKnowledge } from '@logline/tdln';
import { Module, type DynamicModule } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/nats-core';
import type { GateConfig } from './config.ts';
import { parseOperatorKeys } from './domain/operator-keys.ts';
import { GATE_FAULTS } from './errors.ts';
import { JudgeController } from './judge/judge.controller.ts';
import { judgeMetrics } from './judge/judge-metrics.ts';
import { JudgeService } from './judge/judge.service.ts';

/** Wiring only. */
@Module({})
export class TdlnGateModule {
  static register(config: Readonly<GateConfig>, { log, metrics, readiness }: ServiceParts): DynamicModule {
    const signer = readKeyFile(config.keyFile);
    const operatorKeys = parseOperatorKeys(readSecretFile(config.operatorKeysFile, () => undefined));
    const known = new TenantKnowledge();
    return {
      module: TdlnGateModule,
      controllers: [JudgeController],
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: readSecretFile(config.natsPasswordFile),
          name: 'tdln-gate',
          log,
          classify: classifyBy({ GateError: GATE_FAULTS, TdlnError: TDLN_FAULTS }),
        }),
      ],
      providers: [
        {
          provide: LedgerLines,
          inject: [Publisher],
          useFactory: (publisher: Publisher) => new LedgerLines(publisher),
        },
        {
          provide: KnowledgeKeeper,
          inject: [NATS, Publisher, LedgerLines],
          // nothing is judged before all facts are known, so the application waits for it
          useFactory: async (
            nc: NatsConnection,
            publisher: Publisher,
            lines: LedgerLines,
          ): Promise<KnowledgeKeeper> => {
            const { snapshotEveryMs } = config;
            const keeper = new KnowledgeKeeper({
              nc,
              known,
              log,
              snapshotEveryMs,
              onPlace: (place) => lines.learn(place),
              store: new SnapshotStore(nc, publisher, GATE_BUCKET),
            });
            metrics.gauge('gate_tenants', 'tenants whose log is known', () => known.all.length);
            metrics.gauge(
              'gate_broken_tenants',
              'tenants whose log cannot be read',
              () => known.broken.length,
            );
            metrics.gauge(
              'gate_lacking_tenants',
              'tenants of whose log facts are missing',
              () => known.lacks.length,
            );
            metrics.gauge('gate_facts_sequence', 'position in the stream of facts', () => keeper.sequence);
            readiness.add('facts', () => keeper.isHealthy() || 'facts do not come in');
            readiness.state('tenants', () => keeper.standing);
            await keeper.start();
            return keeper;
          },
        },
        {
          provide: JudgeService,
          inject: [NATS, Publisher, JetStreamStrategy, LedgerLines, KnowledgeKeeper],
          useFactory: (
            nc: NatsConnection,
            publisher: Publisher,
            strategy: JetStreamStrategy,
            lines: LedgerLines,
          ): JudgeService => {
            readiness.add('nats', () => !nc.isClosed() || 'the connection is closed');
            readiness.add('intake', () => strategy.isHealthy() || 'requests do not come in');
            return new JudgeService({
              known,
              signer,
              operatorKeys,
              log,
              // any verifier takes any tenant's
              toVerifier: new Coalescer<AcceptRequest>({
                send: (envelope) => publisher.publish(verifyPartition(FIRST_PARTITION), envelope),
              }),
              toLedger: lines,
              answer: (reply, trace, acks) => answer(nc, reply, trace, acks),
              nowMs: Date.now,
              metrics: judgeMetrics(metrics),
            });
          },
        },
      ],
    };
  }
}
