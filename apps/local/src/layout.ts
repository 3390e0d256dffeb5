import { join } from 'node:path';

/** Where everything of the one-machine installation lives, below `<repo>/.logline`. */
export type Layout = ReturnType<typeof layoutOf>;

export function layoutOf(root: string) {
  const dev = join(root, '.logline', 'dev');
  return {
    root,
    dev,
    cache: join(root, '.logline', 'cache'),
    env: join(dev, 'env.json'),
    processes: join(dev, 'processes.json'),
    secrets: join(dev, 'secrets'),
    logs: join(dev, 'logs'),
    nats: join(dev, 'nats'),
    postgres: join(dev, 'postgres'),
    docker: join(dev, 'docker'),
    runnerJournal: join(dev, 'runner'),
    job: join(dev, 'job'),
  } as const;
}
