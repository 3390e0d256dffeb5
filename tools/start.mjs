// npm start: installs and compiles what is missing, then hands over to apps/local. Plain Node ≥ 20, no dependencies.
import { join } from 'node:path';
import { become, build, ensureInstalled, node24, root } from './node24.mjs';

const args = process.argv.slice(2);
const json = args.includes('--json');
// stdout belongs to the one JSON document
const stdio = json ? ['ignore', 2, 2] : 'inherit';

if (!args.includes('--no-install')) ensureInstalled({ stdio });
build({ stdio });
become(node24(), ['--enable-source-maps', join(root, 'apps', 'local', 'dist', 'main.js'), 'start', ...args]);
