import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { readJsonObject } from '../json-file.ts';

/** What a chore has answered: its one JSON document, and whether that is a yes. */
export type MaintenanceReport = {
  readonly isGood: boolean;
  readonly report: Readonly<Record<string, unknown>>;
};

type Program = {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
};

const NEGATIVE = 1; // the exit code of a chore that has looked, and says no

/**
 * Runs a chore of the ledger (`services/ledger`, maintain) where its database is: as a process on this machine, or by a command that reaches one.
 * Its progress goes to stderr.
 * @throws CliError `USAGE` when nobody says how it is started, `FAILED` with its last words when it could not do its work
 */
export async function runMaintenance(context: Context, args: readonly string[]): Promise<MaintenanceReport> {
  const { command, env } = await findProgram(context);
  const [file = '', ...own] = command;
  const child = spawn(file, [...own, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: context.deadline,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const words: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (words.push(line) > MOST_WORDS) words.shift();
    context.out.note(line);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).catch((cause: unknown) => {
    context.deadline.throwIfAborted();
    throw new CliError('FAILED', `${file} could not be started`, { cause, fix: HOW });
  });
  context.deadline.throwIfAborted();
  if (code !== 0 && code !== NEGATIVE)
    throw new CliError(
      'FAILED',
      words.slice(-2).join(' ') || `the ledger's ${args[0] ?? ''} ended with ${code}`,
    );
  return {
    isGood: code === 0,
    report: readJsonObject(Buffer.concat(chunks), `the answer of the ledger's ${args[0] ?? ''}`),
  };
}

const MOST_WORDS = 20;
const HOW =
  'set LOGLINE_LEDGER_COMMAND to what starts it, such as "docker compose exec -T ledger node dist/maintain.js"';

/** A setting that names it, else what `npm start` has written. */
async function findProgram(context: Context): Promise<Program> {
  const { io } = context;
  const named = io.env['LOGLINE_LEDGER_COMMAND'];
  if (named !== undefined && named.trim() !== '') {
    // it is the CLI's own: a ledger refuses what it does not know under its prefix
    const { LOGLINE_LEDGER_COMMAND: _own, ...env } = { ...process.env, ...io.env };
    return { command: named.trim().split(/\s+/), env };
  }
  const { devEnv } = await context.settings();
  if (devEnv?.maintenance !== undefined) return devEnv.maintenance;
  throw new CliError('USAGE', 'nothing says how to reach the ledger of this installation', { fix: HOW });
}
