import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable, torture, unlistedSteps, whatDidNotHappen } from './torture.ts';

/** With so many everything on the lists must have happened, and nothing beside them. */
const WHOLE = 1_000;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    verbose: { type: 'boolean', default: false },
  },
});
const runs = parseCount('runs', values.runs);
const jobs = parseCount('jobs', values.jobs);
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : parseCount('seed', values.seed);

console.log(`seed ${seed}: npm run torture -- --runs ${runs} --seed ${seed} --jobs ${jobs}`);
const enough = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => enough.abort());
let done = 0;
const result = await torture({
  runs,
  seed,
  jobs,
  keepIn: mkdtempSync(join(tmpdir(), 'logline-torture-failed-')),
  signal: enough.signal,
  ...(values.verbose ? { tell: (line: string) => console.log(line) } : {}),
  say: (line) => {
    done++;
    if (values.verbose || done % 50 === 0) console.log(`${done}/${runs} ${line}`);
  },
});
console.log(formatTable(result));
for (const { seed: failed, error, keptIn } of result.failures) {
  console.error(`\nseed ${failed} FAILED: ${error instanceof Error ? error.message : String(error)}`);
  console.error(`the story, the logs and the schedule: ${keptIn}`);
  console.error(`again: npm run torture -- --runs 1 --seed ${failed}`);
}
const isWhole = result.runs >= WHOLE;
const missed = isWhole ? whatDidNotHappen(result) : [];
if (missed.length > 0) console.error(`\nFAILED: never happened: ${missed.join(', ')}`);
const unlisted = isWhole ? unlistedSteps(result) : [];
if (unlisted.length > 0) console.error(`\nFAILED: steps that are in no list: ${unlisted.join(', ')}`);
process.exit(result.failures.length + missed.length + unlisted.length > 0 ? 1 : 0);

function parseCount(name: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  console.error(`--${name} is a whole number above 0, not ${text}`);
  process.exit(78);
}
