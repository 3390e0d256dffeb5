import { join } from 'node:path';
import { blake3Hash, utf8 } from '@logline/canon-sign';

/** Where everything of the one-machine installation lives: code in the checkout, state below `<home>/.logline`. */
export type Layout = ReturnType<typeof layoutOf>;

/** @param home - the checkout itself, unless LOGLINE_HOME names another folder (tests, a second installation) */
export function layoutOf(root: string, home: string) {
  const dev = join(home, '.logline', 'dev');
  return {
    root,
    home,
    dev,
    cache: join(home, '.logline', 'cache'),
    env: join(dev, 'env.json'),
    secrets: join(dev, 'secrets'),
    logs: join(dev, 'logs'),
    nats: join(dev, 'nats'),
    postgres: join(dev, 'postgres'),
    engine: join(dev, 'engine'),
    runnerJournal: join(dev, 'runner'),
    // of this installation's own, on the machine's tmpfs
    runnerSecrets: `/dev/shm/logline-${blake3Hash(utf8(home)).slice('blake3:'.length, 'blake3:'.length + 16)}`,
    /** Who cosigns this installation's checkpoints; taken where it is there (docs/witnesses.md). */
    witnessPolicy: join(dev, 'witness-policy'),
    wallet: join(dev, 'wallet.json'),
    job: join(dev, 'job'),
  } as const;
}
