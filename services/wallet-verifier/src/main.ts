import { KnowledgeKeeper } from '@logline/jetstream/knowledge';
import { JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { bootService } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { PREFIX, VerifierConfig } from './config.ts';
import { WalletVerifierModule } from './wallet-verifier.module.ts';

await bootService({
  name: 'wallet-verifier',
  prefix: PREFIX,
  config: VerifierConfig,
  module: (config, parts) => WalletVerifierModule.register(config, parts),
  transports: (app) => [app.get(JetStreamStrategy)],
  stop: (app) => [
    ['intake', () => app.get(JetStreamStrategy).close()],
    // what is known is saved once nothing is judged by it any more
    ['knowledge', () => app.get(KnowledgeKeeper).stop()],
    ['nats', () => app.get<NatsConnection>(NATS).drain()],
  ],
});
