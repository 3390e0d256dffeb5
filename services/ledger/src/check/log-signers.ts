import { parseVkey, TlogError, type Vkey } from '@logline/tlog';
import type { NamedKey } from '../domain/log-keys.ts';

/** Goes between threads. */
export type Signers = {
  /** Verifier keys that are trusted at any time. */
  readonly trusted: readonly string[];
  /** What the log says of itself, oldest first. */
  readonly named: readonly NamedKey[];
};

/**
 * Whose signatures count in a log: those by trusted keys, and, for what is of its own time, those by a key that the log's birth or a rotation names, as
 * for clients (decision 0014). So nobody has to keep the keys of before. Clients follow these entries from the old key to the new; a check goes the other
 * way: the root that all entries lead to must in the end be signed by a trusted key, which vouches by it for who is named in them. Until
 * then what `at` has let pass is not proven.
 */
export class LogSigners {
  readonly trusted: readonly Vkey[];
  /** Of any time: for telling what is wrong, never that nothing is. */
  readonly all: readonly Vkey[];
  readonly #terms: readonly { readonly fromMs: number; readonly vkeys: readonly Vkey[] }[];

  constructor(origin: string, { trusted, named }: Signers) {
    this.trusted = trusted.map(parseVkey);
    const own = named.map(({ key, fromMs }) => ({ fromMs, vkeys: parseOwn(key, origin) }));
    this.all = [...this.trusted, ...own.flatMap(({ vkeys }) => vkeys)];
    this.#terms = own.map(({ fromMs, vkeys }) => ({ fromMs, vkeys: [...vkeys, ...this.trusted] }));
  }

  /** Trusted keys, and the one that signs at this log time: that one first, for it is most likely asked for. */
  at(timeMs: number): readonly Vkey[] {
    return this.#terms.findLast(({ fromMs }) => fromMs <= timeMs)?.vkeys ?? this.trusted;
  }
}

/** None where a damaged entry names something else than a key of this log. */
function parseOwn(key: string, origin: string): readonly Vkey[] {
  try {
    const vkey = parseVkey(key);
    return vkey.name === origin ? [vkey] : [];
  } catch (error) {
    if (error instanceof TlogError) return [];
    throw error;
  }
}
