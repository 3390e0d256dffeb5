import type { BatchRequest, BatchSpan } from './batch.ts';
import type { Entry } from './entry.ts';
import {
  idempotencyOf,
  keyOf,
  type Known,
  type LogPosition,
  nonceOf,
  type Placed,
  type Spent,
} from './known.ts';
import { keysAfter, type LogKeys } from './log-keys.ts';

/** An entry with its place. */
export type PlacedEntry = {
  readonly entry: Entry;
  readonly index: number;
  readonly trace: string;
  /** Index of the cause, for a verdict that commits with it. */
  readonly verdictOf: number | undefined;
};

/** What one batch adds to one log. `timeMs` is the log time of all its entries. */
export type LogGrowth = {
  readonly tenant: string;
  readonly isNew: boolean;
  readonly oldSize: number;
  readonly timeMs: number;
  readonly entries: readonly PlacedEntry[];
};

/** All that a batch changes; committed together or not at all. Maps are keyed as in `Known`. */
export type Changes = {
  readonly logs: readonly LogGrowth[];
  readonly heads: ReadonlyMap<
    string,
    { readonly tenant: string; readonly subject: string; readonly this: string }
  >;
  readonly writes: ReadonlyMap<
    string,
    { readonly tenant: string; readonly key: string; readonly index: number }
  >;
  readonly idempotency: ReadonlyMap<string, SpentBy>;
  readonly nonces: ReadonlyMap<string, SpentBy>;
};
export type SpentBy = Spent & { readonly tenant: string; readonly owner: string; readonly name: string };

type Growing = { -readonly [K in keyof LogGrowth]: LogGrowth[K] } & {
  readonly entries: PlacedEntry[];
  keys: LogKeys;
};

/** Until its birth is pushed a log has no key. */
const UNBORN: LogKeys = { key: '' };

/** What is known, with what the batch has done to it so far. Lives as long as one call of `sequence`. */
export class Draft {
  readonly nowMs: number;
  readonly #known: Known;
  readonly #logs = new Map<string, Growing>();
  readonly #spans = new Map<string, Placed>();
  readonly #heads = new Map<string, { tenant: string; subject: string; this: string }>();
  readonly #writes = new Map<string, { tenant: string; key: string; index: number }>();
  readonly #idempotency = new Map<string, SpentBy>();
  readonly #nonces = new Map<string, SpentBy>();

  constructor(known: Known, nowMs: number) {
    this.#known = known;
    this.nowMs = nowMs;
  }

  log(tenant: string): LogPosition | undefined {
    const growing = this.#logs.get(tenant);
    return growing === undefined
      ? this.#known.logs.get(tenant)
      : {
          size: growing.oldSize + growing.entries.length,
          timeMs: growing.timeMs,
          keys: growing.keys,
        };
  }

  /** Log time of the next entry: the clock, but never backwards. */
  timeOf(tenant: string): number {
    return Math.max(this.nowMs, this.log(tenant)?.timeMs ?? 0);
  }

  placed(tenant: string, id: string): Placed | undefined {
    const key = keyOf(tenant, id);
    return this.#spans.get(key) ?? this.#known.spans.get(key);
  }

  head(tenant: string, subject: string): string | undefined {
    const key = keyOf(tenant, subject);
    return this.#heads.get(key)?.this ?? this.#known.heads.get(key);
  }

  /** −1 for never. */
  lastWrite(tenant: string, name: string): number {
    const key = keyOf(tenant, name);
    return this.#writes.get(key)?.index ?? this.#known.writes.get(key) ?? -1;
  }

  keyUse(tenant: string, { owner, name }: { owner: string; name: string }): Spent | undefined {
    const key = keyOf(tenant, owner, name);
    return this.#idempotency.get(key) ?? this.#known.idempotency.get(key);
  }

  nonceUse(tenant: string, { owner, name }: { owner: string; name: string }): Spent | undefined {
    const key = keyOf(tenant, owner, name);
    return this.#nonces.get(key) ?? this.#known.nonces.get(key);
  }

  /** The span, and its verdict behind it, at the end of the tenant's log. */
  append({ entry, verdict, role, writes }: BatchSpan, { tenant, caller, trace }: BatchRequest): void {
    const log = this.#growing(tenant);
    const index = this.#push(log, entry, trace, undefined);
    const lastIndex = verdict === undefined ? index : this.#push(log, verdict, trace, index);
    if (role === 'client') {
      this.#heads.set(keyOf(tenant, entry.subject), { tenant, subject: entry.subject, this: entry.this });
    }
    for (const key of writes) this.#writes.set(keyOf(tenant, key), { tenant, key, index: lastIndex });
    const key = idempotencyOf(caller);
    if (key !== undefined && this.keyUse(tenant, key) === undefined) {
      this.#idempotency.set(keyOf(tenant, key.owner, key.name), { ...key, tenant, index });
    }
    const nonce = nonceOf(caller);
    if (nonce !== undefined && this.nonceUse(tenant, nonce) === undefined) {
      this.#nonces.set(keyOf(tenant, nonce.owner, nonce.name), { ...nonce, tenant, index });
    }
  }

  changes(): Changes {
    return {
      logs: [...this.#logs.values()],
      heads: this.#heads,
      writes: this.#writes,
      idempotency: this.#idempotency,
      nonces: this.#nonces,
    };
  }

  #push(log: Growing, entry: Entry, trace: string, verdictOf: number | undefined): number {
    const index = log.oldSize + log.entries.length;
    log.entries.push({ entry, index, trace, verdictOf });
    log.keys = keysAfter(log.keys, entry) ?? log.keys;
    this.#spans.set(keyOf(log.tenant, entry.this), { index, hash: entry.hash });
    return index;
  }

  #growing(tenant: string): Growing {
    const growing = this.#logs.get(tenant);
    if (growing !== undefined) return growing;
    const timeMs = this.timeOf(tenant);
    const known = this.#known.logs.get(tenant);
    const fresh: Growing = {
      tenant,
      isNew: known === undefined,
      oldSize: known?.size ?? 0,
      timeMs,
      keys: known?.keys ?? UNBORN,
      entries: [],
    };
    this.#logs.set(tenant, fresh);
    return fresh;
  }
}
