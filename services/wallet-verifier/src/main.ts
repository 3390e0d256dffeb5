import type { Following } from '@logline/jetstream';
import { JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { bootService } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { PREFIX, VerifierConfig } from './config.ts';
import { FOLLOWING, WalletVerifierModule } from './wallet-verifier.module.ts';

await bootService({
  name: 'wallet-verifier',
  prefix: PREFIX,
  config: VerifierConfig,
  module: (config, parts) => WalletVerifierModule.register(config, parts),
  transports: (app) => [app.get(JetStreamStrategy)],
  stop: (app) => [
    ['intake', () => app.get(JetStreamStrategy).close()],
    ['facts', () => app.get<Following>(FOLLOWING).stop()],
    ['nats', () => app.get<NatsConnection>(NATS).drain()],
  ],
});
