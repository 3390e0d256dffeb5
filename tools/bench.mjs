// npm run bench: compiles, then measures. --json ends with one line; --quick takes under three minutes.
import { join } from 'node:path';
import { become, build, ensureInstalled, node24, root } from './node24.mjs';

ensureInstalled();
build();
become(node24(), [
  '--disable-warning=ExperimentalWarning',
  join(root, 'bench', 'main.ts'),
  ...process.argv.slice(2),
]);
