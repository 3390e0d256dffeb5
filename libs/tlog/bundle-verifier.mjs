// Writes the offline verifier as one file that needs nothing beside it: node bundle-verifier.mjs [file]
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { metafile } = await build({
  entryPoints: [here('src/verify.ts')],
  outfile: process.argv[2] ?? here('dist/verifier.js'),
  absWorkingDir: here('../..'),
  bundle: true,
  minify: true,
  metafile: true,
  format: 'esm',
  target: 'es2022',
  // the browser form, which runs in Node as well: noble for node:crypto and for the BLAKE3 that is WASM
  platform: 'browser',
  conditions: ['@logline/source'],
  logLevel: 'warning',
});
const [output] = Object.values(metafile.outputs);
const size = (files) =>
  files.map(([path, { bytesInOutput }]) => [path.replace(/^.*node_modules\//, ''), bytesInOutput]);
// what it is made of, for the test that holds it to hashing and Ed25519
console.log(
  JSON.stringify({
    imports: output.imports,
    inputs: Object.fromEntries(size(Object.entries(output.inputs))),
  }),
);
