#!/usr/bin/env node
import { readFileSync, statSync } from 'node:fs';

const pack = () => JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const [word, ...more] = process.argv.slice(2);

// answered before anything is loaded: shells and prompts ask for it all the time
if ((word === '--version' || word === '-V') && more.length === 0) {
  process.stdout.write(`${pack().version}\n`);
} else {
  await import(entry());
}

/** The bundle, unless the compiler has written something newer beside it. */
function entry() {
  const bundle = new URL('../dist/logline.mjs', import.meta.url);
  const compiled = new URL('../dist/main.js', import.meta.url);
  const bundled = timeOf(bundle);
  if (bundled === 0 && timeOf(compiled) === 0) {
    process.stderr.write(
      'error: logline is not built yet\n  fix: npm run build, or node apps/cli/build.mjs\n',
    );
    process.exit(1);
  }
  return bundled > 0 && bundled >= timeOf(new URL('../dist/.tsbuildinfo', import.meta.url))
    ? bundle.href
    : compiled.href;
}

function timeOf(url) {
  return statSync(url, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
