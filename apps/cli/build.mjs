// Bundles the command into dist/logline.mjs: one file to read at start instead of two hundred. `node apps/cli/build.mjs`
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: [here('./src/main.ts')],
  outfile: here('./dist/logline.mjs'),
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  // workspace packages from their sources, so that the bundle is never older than they are
  conditions: ['@logline/source', 'module', 'import', 'node'],
  // loads its WebAssembly from beside itself
  external: ['blake3'],
  // CommonJS inside (yauzl) asks for node: modules by require
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  minifyWhitespace: true,
  legalComments: 'none',
  sourcemap: false,
  logLevel: 'warning',
});
