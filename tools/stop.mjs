// npm run stop: ends what npm start -- --detach has left running.
import { join } from 'node:path';
import { become, node24, root } from './node24.mjs';

become(node24(), [join(root, 'apps', 'local', 'dist', 'main.js'), 'stop', ...process.argv.slice(2)]);
