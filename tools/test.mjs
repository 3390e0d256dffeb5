// npm test: every test there is, starting what it needs. Arguments go to vitest (npm test -- --project unit).
import { join } from 'node:path';
import { become, build, ensureInstalled, node24, root } from './node24.mjs';

ensureInstalled();
build();
become(node24(), [
  join(root, 'node_modules', 'vitest', 'vitest.mjs'),
  'run',
  '--reporter=default',
  `--reporter=${join(root, 'tools', 'skip-reporter.mjs')}`,
  ...process.argv.slice(2),
]);
