import { KnowledgeKeeper } from '@logline/jetstream/knowledge';
import { JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { bootService } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { GateConfig, PREFIX } from './config.ts';
import { TdlnGateModule } from './tdln-gate.module.ts';

await bootService({
  name: 'tdln-gate',
  prefix: PREFIX,
  config: GateConfig,
  module: (config, parts) => TdlnGateModule.register(config, parts),
  transports: (app) => [app.get(JetStreamStrategy)],
  stop: (app) => [
    ['intake', () => app.get(JetStreamStrategy).close()],
    // what is known is saved once nothing is judged by it any more
    ['knowledge', () => app.get(KnowledgeKeeper).stop()],
    ['nats', () => app.get<NatsConnection>(NATS).drain()],
  ],
});
