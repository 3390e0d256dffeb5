import { bootService, LOG, type Log } from '@logline/service';
import { PREFIX, RunnerConfig } from './config.ts';
import { Runner } from './runner.ts';
import { RunnerModule } from './runner.module.ts';

await bootService({
  name: 'runner',
  prefix: PREFIX,
  config: RunnerConfig,
  module: (config, parts) => RunnerModule.register(config, parts),
  started: (app) => {
    const log = app.get<Log>(LOG);
    // whatever stops a runner, its containers go on; nothing is opened, started or told by it any more
    app.get(Runner).start((error) => {
      log.fatal({ err: error }, 'the runner stops');
      process.exit(1);
    });
  },
  stop: (app) => [['runner', () => app.get(Runner).stop()]],
});
