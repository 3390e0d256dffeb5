// npm run torture: compiles, then breaks ledgers in seeded ways until one forgets what it promised. --runs N --seed N --jobs N --verbose
import { join } from 'node:path';
import { become, build, ensureInstalled, node24, root } from './node24.mjs';

ensureInstalled();
build();
become(node24(), [
  '--conditions=@logline/source',
  '--disable-warning=ExperimentalWarning',
  join(root, 'services', 'ledger', 'test', 'torture', 'main.ts'),
  ...process.argv.slice(2),
]);
