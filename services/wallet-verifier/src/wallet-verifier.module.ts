import { VERIFIER_BUCKET } from '@logline/contracts';
import { answer, classifyBy, LedgerLines, Publisher } from '@logline/jetstream';
import { KnowledgeKeeper, SnapshotStore } from '@logline/jetstream/knowledge';
import { JetStreamModule, JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { readKeyFile, readSecretFile, type ServiceParts } from '@logline/service';
import { TDLN_FAULTS, TenantKnowledge } from '@logline/tdln';
import { Module, type DynamicModule } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/nats-core';
import type { VerifierConfig } from './config.ts';
import { VERIFIER_FAULTS } from './errors.ts';
import { VerifyController } from './verify/verify.controller.ts';
import { VerifyService } from './verify/verify.service.ts';

/** Wiring only. */
@Module({})
export class WalletVerifierModule {
  static register(
    config: Readonly<VerifierConfig>,
    { log, metrics, readiness }: ServiceParts,
  ): DynamicModule {
    const signer = readKeyFile(config.keyFile);
    const known = new TenantKnowledge();
    return {
      module: WalletVerifierModule,
      controllers: [VerifyController],
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: readSecretFile(config.natsPasswordFile),
          name: 'wallet-verifier',
          log,
          classify: classifyBy({ VerifierError: VERIFIER_FAULTS, TdlnError: TDLN_FAULTS }),
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
              store: new SnapshotStore(nc, publisher, VERIFIER_BUCKET),
            });
            metrics.gauge('verifier_tenants', 'tenants whose log is known', () => known.all.length);
            metrics.gauge(
              'verifier_broken_tenants',
              'tenants whose log cannot be read',
              () => known.broken.length,
            );
            metrics.gauge(
              'verifier_lacking_tenants',
              'tenants of whose log facts are missing',
              () => known.lacks.length,
            );
            readiness.add('facts', () => keeper.isHealthy() || 'facts do not come in');
            readiness.state('tenants', () => keeper.standing);
            await keeper.start();
            return keeper;
          },
        },
        {
          provide: VerifyService,
          inject: [NATS, JetStreamStrategy, LedgerLines, KnowledgeKeeper],
          useFactory: (
            nc: NatsConnection,
            strategy: JetStreamStrategy,
            lines: LedgerLines,
          ): VerifyService => {
            readiness.add('nats', () => !nc.isClosed() || 'the connection is closed');
            readiness.add('intake', () => strategy.isHealthy() || 'requests do not come in');
            return new VerifyService({
              known,
              signer,
              log,
              toLedger: lines,
              answer: (reply, trace, acks) => answer(nc, reply, trace, acks),
              nowMs: Date.now,
              verdicts: metrics.counter('verifier_spans_total', 'what became of wallet spans', ['outcome']),
            });
          },
        },
      ],
    };
  }
}
