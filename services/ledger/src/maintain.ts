import { readConfig } from '@logline/service';
import { LedgerConfig, PREFIX } from './config.ts';

type Maintenance = (args: readonly string[], config: Readonly<LedgerConfig>) => Promise<number>;

// Chores of the ledger, run by hand or by `logline ledger …` with the service's own environment: node dist/maintain.js <command> [arguments]
const COMMANDS: Readonly<Record<string, () => Promise<Maintenance>>> = {
  adopt: async () => (await import('./adopt/adopt.ts')).adopt,
  move: async () => (await import('./move/move.ts')).move,
};

const [name = '', ...args] = process.argv.slice(2);
const load = COMMANDS[name];
if (load === undefined) {
  process.stderr.write(`commands: ${Object.keys(COMMANDS).join(', ')}\n`);
  process.exitCode = 2;
} else {
  try {
    const run = await load();
    process.exitCode = await run(args, readConfig(PREFIX, LedgerConfig, process.env));
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 2;
  }
}
