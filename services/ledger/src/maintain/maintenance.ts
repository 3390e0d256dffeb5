import { availableParallelism } from 'node:os';
import { parseArgs, type ParseArgsConfig, stripVTControlCharacters } from 'node:util';
import { parseHex } from '@logline/canon-sign';
import type { LedgerConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import { readSigningKeys } from '../lead/signing-keys.ts';

/** One chore: reads its arguments, writes one JSON line to stdout and its progress to stderr, and gives the exit code. */
export type Maintenance = (args: readonly string[], config: Readonly<LedgerConfig>) => Promise<number>;

export const EXIT = {
  done: 0,
  /** It looked, and the answer is no. */
  negative: 1,
  /** It could not do its work. Also what an error that is thrown becomes. */
  failed: 2,
} as const;

/** @throws LedgerError `USAGE` that names what is wrong and how it is used */
export function parseArguments<T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    const why = cause instanceof Error ? stripVTControlCharacters(cause.message) : '';
    throw new LedgerError('USAGE', `${why}\nusage: ${usage}`, { cause });
  }
}

/** Of every chore that checks a log: public keys that are trusted like those of the ledger. */
export const EARLIER_KEY = {
  'earlier-key': { type: 'string', multiple: true, default: [] as string[] },
} as const;

/**
 * Public halves of the keys that the ledger signs with, the one in force and the overlap's other one; and those of before that are given: for a log
 * that was never led on from a key that is gone.
 * @throws LedgerError `USAGE` for one that is no key; ConfigError `BAD_KEY_FILE`
 */
export function trustedKeys(
  config: Readonly<LedgerConfig>,
  earlier: readonly string[],
): readonly Uint8Array[] {
  const { signer, otherSigner } = readSigningKeys(config);
  const held = otherSigner === undefined ? [signer] : [signer, otherSigner];
  const given = earlier.map((hex) => {
    if (!/^[0-9a-f]{64}$/.test(hex))
      throw new LedgerError('USAGE', '--earlier-key is a public key, 64 hex digits');
    return parseHex(hex);
  });
  return [...held.map(({ publicKey }) => publicKey), ...given];
}

export function report(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** More threads than that only wait for PostgreSQL. */
const MOST_THREADS = 4;

/** Threads that check, by what was asked for or by the machine. @throws LedgerError `USAGE` */
export function threadsFor(asked?: string): number {
  if (asked === undefined) return Math.min(MOST_THREADS, availableParallelism());
  if (!/^[0-9]{1,2}$/.test(asked)) throw new LedgerError('USAGE', '--threads is a number, 0 for none');
  return Number(asked);
}

const EVERY_MS = 1_000;

/** Says how far a chore is, once a second at most, on stderr. */
export class Progress {
  readonly #name: string;
  #nextMs = performance.now() + EVERY_MS;

  constructor(name: string) {
    this.#name = name;
  }

  say(done: number, of: number, what: string): void {
    const nowMs = performance.now();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + EVERY_MS;
    process.stderr.write(`${this.#name}: ${done} of ${of} ${what}\n`);
  }
}
