import { readConfig } from '@logline/service';
import { LedgerConfig, PREFIX } from './config.ts';
import type { Maintenance } from './maintain/maintenance.ts';

// Chores of the ledger, run by hand or by `logline ledger …` with the service's own environment: node dist/maintain.js <command> [arguments]
const COMMANDS: Readonly<Record<string, () => Promise<Maintenance>>> = {
  fsck: async () => (await import('./check/fsck.ts')).fsck,
  republish: async () => (await import('./republish/republish.ts')).republish,
  import: async () => (await import('./import/import.ts')).importLogs,
  export: async () => (await import('./export/export.ts')).exportLogs,
  adopt: async () => (await import('./adopt/adopt.ts')).adopt,
  'log-keys': async () => (await import('./log-keys/log-keys.ts')).logKeys,
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
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
