import { JetStreamStrategy, NATS } from '@logline/jetstream';
import { bootService } from '@logline/service';
import { PREFIX, ProjectorConfig } from './config.ts';
import { Leadership } from './leadership.ts';
import { ProjectorModule } from './projector.module.ts';

await bootService({
  name: 'projector',
  prefix: PREFIX,
  config: ProjectorConfig,
  module: (config, parts) => ProjectorModule.register(config, parts),
  transports: (app) => [app.get(JetStreamStrategy)],
  started: (app) => void app.get(Leadership).lead(),
  stop: (app) => [
    ['stop intake', () => app.get(JetStreamStrategy).close()],
    ['release lease', () => app.get(Leadership).release()],
    ['close', () => app.get(NATS).drain()],
  ],
});
