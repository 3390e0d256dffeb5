import { Module, type DynamicModule } from '@nestjs/common';
import { connectNats } from '@logline/jetstream';
import { readKeyFile, readSecretFile, type ServiceParts } from '@logline/service';
import { RunnerConfig } from './config.ts';
import { countRuns } from './deploy/deploys.ts';
import { readHpkeKeyFile } from './hpke-key-file.ts';
import { Runner } from './runner.ts';

@Module({})
export class RunnerModule {
  static register(config: Readonly<RunnerConfig>, { log, metrics, readiness }: ServiceParts): DynamicModule {
    return {
      module: RunnerModule,
      providers: [
        { provide: RunnerConfig, useValue: config },
        {
          provide: Runner,
          useFactory: async () => {
            const nc = await connectNats({
              url: config.natsUrl,
              user: config.natsUser,
              password: readSecretFile(config.natsPasswordFile),
              name: `runner ${config.runnerId}`,
              log,
            });
            const runner = await Runner.open({
              config,
              nc,
              signer: readKeyFile(config.keyFile),
              hpke: await readHpkeKeyFile(config.hpkeKeyFile),
              apiToken: () => readSecretFile(config.apiTokenFile),
              log,
            });
            for (const [name, check] of Object.entries(runner.checks)) readiness.add(name, check);
            const count = (phase: string) => () => countRuns(runner.memory.state)[phase] ?? 0;
            metrics.gauge('runner_running', 'runs with a process', count('running'));
            metrics.gauge(
              'runner_reports_waiting',
              'reports the log has not answered',
              () => runner.memory.state.outbox.length,
            );
            metrics.gauge(
              'runner_log_index',
              'last log index verified',
              () => runner.memory.state.log.knowledge.index,
            );
            return runner;
          },
        },
      ],
    };
  }
}
