import { availableParallelism, totalmem } from 'node:os';
import { measureCliStart } from './cli-start.ts';
import { measureLedger } from './ledger.ts';
import { measureEd25519 } from './limits.ts';
import { measureSystem } from './system.ts';

/** Every figure comes from this run, beside the raw limits of this machine in this run. Nothing is asserted: a bench tells, a test judges. */
const args = new Set(process.argv.slice(2));
const isQuick = args.has('--quick');
const isJson = args.has('--json');
const say = (line: string): void => void process.stderr.write(`${line}\n`);

say(
  `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}${isQuick ? ', quick' : ''}`,
);
const ed25519 = measureEd25519();
say(`Ed25519 verify: ${ed25519}/s on one core`);
const ledger = isQuick ? await measureLedger(10_000, 100) : await measureLedger(1_000_000, 1_000);
const cli = await measureCliStart(isQuick ? 10 : 30);
say(`logline --version: ${cli.commandMs.toFixed(1)} ms, node -e 0: ${cli.nodeMs.toFixed(1)} ms (medians)`);
const system = await measureSystem({ isQuick, say });

const document = {
  limits: { ed25519_verify_per_s: ed25519, ...ledger.limits },
  results: {
    cli_start_ratio: round(cli.commandMs / cli.nodeMs),
    cli_start_ms: round(cli.commandMs),
    node_start_ms: round(cli.nodeMs),
    ...system,
    ...ledger.results,
  },
};
if (isJson) process.stdout.write(`${JSON.stringify(document)}\n`);
else console.dir(document, { depth: null });

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
