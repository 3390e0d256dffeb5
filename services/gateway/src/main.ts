import { NATS } from '@logline/jetstream';
import { bootService } from '@logline/service';
import { Moves } from './auth/moves.ts';
import { GatewayConfig, PREFIX } from './config.ts';
import { GatewayModule } from './gateway.module.ts';
import { MAX_BODY_BYTES } from './spans/decode-body.ts';
import { StreamController } from './stream/stream.controller.ts';

await bootService({
  name: 'gateway',
  prefix: PREFIX,
  config: GatewayConfig,
  module: (config, parts) => GatewayModule.register(config, parts),
  // bodies stay bytes: what is signed is checked as it came
  rawBodies: { maxBytes: MAX_BODY_BYTES },
  stop: (app, { closeHttp }) => [
    ['end streams', async () => app.get(StreamController).closeAll()],
    ['http', closeHttp],
    ['stop listening', () => app.get(Moves).close()],
    ['close', () => app.get(NATS).drain()],
  ],
});
