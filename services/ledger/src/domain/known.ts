import type { Caller } from '@logline/contracts';
import type { Batch } from './batch.ts';
import type { LogKeys } from './log-keys.ts';

/**
 * What the ledger knows that a batch's decisions rest on. Everything the batch asks about (`questionsOf`) is in here if it
 * exists at all: absent means never. Log indexes and sizes are numbers in the ledger, as `reads` and receipts carry them in
 * JSON (< 2^53); they become bigint at the door of `@logline/tlog`.
 */
export type Known = {
  /** By tenant. */
  readonly logs: ReadonlyMap<string, LogPosition>;
  /** By `keyOf(tenant, this)`. */
  readonly spans: ReadonlyMap<string, Placed>;
  /** By `keyOf(tenant, subject)`: its last client-signed span. */
  readonly heads: ReadonlyMap<string, string>;
  /** By `keyOf(tenant, key)`: log index of its last write. */
  readonly writes: ReadonlyMap<string, number>;
  /** By `keyOf(tenant, token, idempotency key)`. */
  readonly idempotency: ReadonlyMap<string, Spent>;
  /** By `keyOf(tenant, kid, nonce)`. */
  readonly nonces: ReadonlyMap<string, Spent>;
};

export type LogPosition = {
  readonly size: number;
  /** Log time of the last entry. */
  readonly timeMs: number;
  readonly keys: LogKeys;
};

/** Where a span stands, and the hash of its signed bytes. */
export type Placed = { readonly index: number; readonly hash: string };

/**
 * An idempotency key or a nonce, used up by a commit: the hash of what it was used for, and the first entry committed under it.
 * One record per request is enough: the same payload has the same spans at the same positions, and those are known by `this`.
 */
export type Spent = { readonly hash: string; readonly index: number };

/** What has to be known before a batch can be decided. */
export type Questions = {
  readonly tenants: ReadonlySet<string>;
  /** By tenant: ids of spans and of verdicts. */
  readonly spans: readonly Question[];
  readonly heads: readonly Question[];
  readonly writes: readonly Question[];
  readonly idempotency: readonly PairQuestion[];
  readonly nonces: readonly PairQuestion[];
};
export type Question = { readonly tenant: string; readonly name: string };
export type PairQuestion = { readonly tenant: string; readonly owner: string; readonly name: string };

/** Tenants, tokens and kids hold no space, so only the last part may. */
export function keyOf(...parts: readonly string[]): string {
  return parts.join(' ');
}

/** The caller's idempotency key, where there is one that can be told apart from another use. */
export function idempotencyOf(caller: Caller): { owner: string; name: string; hash: string } | undefined {
  return caller.kind === 'token' && caller.idempotency_key !== undefined && caller.payload_hash !== undefined
    ? { owner: caller.token, name: caller.idempotency_key, hash: caller.payload_hash }
    : undefined;
}

/** The nonce of the signed request, where it was signed. */
export function nonceOf(caller: Caller): { owner: string; name: string; hash: string } | undefined {
  return caller.kind === 'token' &&
    caller.key !== undefined &&
    caller.nonce !== undefined &&
    caller.request_hash !== undefined
    ? { owner: caller.key, name: caller.nonce, hash: caller.request_hash }
    : undefined;
}

/** Each question once. */
export function questionsOf(batch: Batch): Questions {
  const tenants = new Set<string>();
  const spans = new Map<string, Question>();
  const heads = new Map<string, Question>();
  const writes = new Map<string, Question>();
  const idempotency = new Map<string, PairQuestion>();
  const nonces = new Map<string, PairQuestion>();
  for (const { tenant, caller, spans: asked } of batch.requests) {
    tenants.add(tenant);
    const ask = (questions: Map<string, Question>, name: string) =>
      questions.set(keyOf(tenant, name), { tenant, name });
    const askPair = (
      questions: Map<string, PairQuestion>,
      pair: { owner: string; name: string } | undefined,
    ) =>
      pair &&
      questions.set(keyOf(tenant, pair.owner, pair.name), { tenant, owner: pair.owner, name: pair.name });
    askPair(idempotency, idempotencyOf(caller));
    askPair(nonces, nonceOf(caller));
    for (const { entry, verdict, reads } of asked) {
      ask(spans, entry.this);
      if (verdict !== undefined) ask(spans, verdict.this);
      if (entry.prev !== undefined) ask(heads, entry.subject);
      for (const key of Object.keys(reads)) ask(writes, key);
    }
  }
  return {
    tenants,
    spans: [...spans.values()],
    heads: [...heads.values()],
    writes: [...writes.values()],
    idempotency: [...idempotency.values()],
    nonces: [...nonces.values()],
  };
}
