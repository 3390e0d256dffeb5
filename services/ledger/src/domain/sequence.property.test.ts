import fc from 'fast-check';
import { expect, it } from 'vitest';
import { aBatch, aRequest, aSpan, nameOf } from '../../test/sequence-world.ts';
import type { BatchRequest, BatchSpan } from './batch.ts';
import { type Known, keyOf, questionsOf } from './known.ts';
import { TENANT_CREATED } from './log-keys.ts';
import { MAX_ATTEMPTS, type Outcome, sequence } from './sequence.ts';

/**
 * The reference: history as one list, every question answered by reading all of it, one span after the other. It shares no code
 * with the decider but the outcome's form.
 */
type Line = {
  tenant: string;
  index: number;
  this: string;
  hash: string;
  subject: string;
  movesHead: boolean;
  writes: readonly string[];
  timeMs: number;
  idempotency?: { of: string; hash: string };
  nonce?: { of: string; hash: string };
};

class Reference {
  readonly history: Line[] = [];

  take(requests: readonly BatchRequest[], nowMs: number): Outcome[][] {
    return requests.map((request) => {
      let behind: number | undefined;
      const outcomes = request.spans.map((span) => {
        const outcome = this.#one(span, request, nowMs, behind);
        if (outcome.kind === 'stale') behind ??= outcome.minIndex;
        return outcome;
      });
      const attempt = outcomes.every(({ kind }) => kind === 'stale') ? request.attempt + 1 : 1;
      return outcomes.map((outcome) =>
        outcome.kind !== 'stale'
          ? outcome
          : attempt >= MAX_ATTEMPTS
            ? { kind: 'starved' as const }
            : { ...outcome, attempt },
      );
    });
  }

  #one(span: BatchSpan, request: BatchRequest, nowMs: number, behind: number | undefined): Outcome {
    const log = this.history.filter(({ tenant }) => tenant === request.tenant);
    const timeMs = Math.max(nowMs, ...log.map((line) => line.timeMs));
    const use = usesOf(request);
    const paid = log.find(({ idempotency }) => idempotency && idempotency.of === use.idempotency?.of);
    if (paid && paid.idempotency?.hash !== use.idempotency?.hash)
      return { kind: 'payload_mismatch', index: paid.index };
    const same = log.find((line) => line.this === span.entry.this);
    if (same) return { kind: same.hash === span.entry.hash ? 'replayed' : 'span_exists', index: same.index };
    if (nowMs >= request.deadline_ms) return { kind: 'late' };
    const nonced = log.find(({ nonce }) => nonce && nonce.of === use.nonce?.of);
    if (nonced && nonced.nonce?.hash !== use.nonce?.hash) return { kind: 'nonce_reused' };
    if (behind !== undefined) return { kind: 'stale', minIndex: behind, attempt: 0 };
    const overwritten = Object.entries(span.reads).flatMap(([key, readAt]) => {
      const write = log.findLast(({ writes }) => writes.includes(key));
      return write && write.index > readAt ? [write.index] : [];
    });
    if (overwritten.length > 0) return { kind: 'stale', minIndex: Math.max(...overwritten), attempt: 0 };
    if (span.valid_until_ms !== undefined && timeMs > span.valid_until_ms)
      return { kind: 'stale', minIndex: 0, attempt: 0 };
    if (span.no) return { kind: 'refused' };
    const isBirth = span.entry.intent === TENANT_CREATED;
    if (log.length === 0 && !isBirth) return { kind: 'no_such_log' };
    if (log.length > 0 && isBirth) return { kind: 'span_exists', index: 0 };
    const head = log.findLast((line) => line.movesHead && line.subject === span.entry.subject)?.this;
    if (span.entry.prev !== undefined && span.entry.prev !== head) return { kind: 'moved', head };
    const { verdict } = span;
    const squatter = verdict && log.find((line) => line.this === verdict.this);
    if (squatter) return { kind: 'span_exists', index: squatter.index };

    const index = log.length;
    const line = { tenant: request.tenant, timeMs };
    this.history.push({
      ...line,
      ...use,
      index,
      this: span.entry.this,
      hash: span.entry.hash,
      subject: span.entry.subject,
      movesHead: span.role === 'client',
      writes: verdict ? [] : span.writes,
    });
    if (verdict) {
      this.history.push({
        ...line,
        index: index + 1,
        this: verdict.this,
        hash: verdict.hash,
        subject: verdict.subject,
        movesHead: false,
        writes: span.writes,
      });
    }
    return { kind: 'appended', index };
  }

  /** What storage would answer: only what was asked. */
  known(requests: readonly BatchRequest[]): Known {
    const asked = questionsOf(aBatch(requests));
    const of = (tenant: string) => this.history.filter((line) => line.tenant === tenant);
    const found = <T>(entries: readonly (readonly [string, T | undefined])[]) =>
      new Map(entries.filter((entry): entry is [string, T] => entry[1] !== undefined));
    return {
      logs: found(
        [...asked.tenants].map((tenant) => [
          tenant,
          of(tenant).length === 0
            ? undefined
            : {
                size: of(tenant).length,
                timeMs: Math.max(...of(tenant).map(({ timeMs }) => timeMs)),
                keys: { key: nameOf(tenant).logKey },
              },
        ]),
      ),
      spans: found(
        asked.spans.map(({ tenant, name }) => [
          keyOf(tenant, name),
          of(tenant).find((line) => line.this === name),
        ]),
      ),
      heads: found(
        asked.heads.map(({ tenant, name }) => [
          keyOf(tenant, name),
          of(tenant).findLast((line) => line.movesHead && line.subject === name)?.this,
        ]),
      ),
      writes: found(
        asked.writes.map(({ tenant, name }) => [
          keyOf(tenant, name),
          of(tenant).findLast(({ writes }) => writes.includes(name))?.index,
        ]),
      ),
      idempotency: found(
        asked.idempotency.map(({ tenant, owner, name }) => {
          const line = of(tenant).find(({ idempotency }) => idempotency?.of === `${owner} ${name}`);
          return [
            keyOf(tenant, owner, name),
            line?.idempotency && { hash: line.idempotency.hash, index: line.index },
          ];
        }),
      ),
      nonces: found(
        asked.nonces.map(({ tenant, owner, name }) => {
          const line = of(tenant).find(({ nonce }) => nonce?.of === `${owner} ${name}`);
          return [keyOf(tenant, owner, name), line?.nonce && { hash: line.nonce.hash, index: line.index }];
        }),
      ),
    };
  }
}

function usesOf({ caller }: BatchRequest): Pick<Line, 'idempotency' | 'nonce'> {
  if (caller.kind !== 'token') return {};
  return {
    ...(caller.idempotency_key === undefined
      ? {}
      : {
          idempotency: { of: `${caller.token} ${caller.idempotency_key}`, hash: caller.payload_hash ?? '' },
        }),
    ...(caller.nonce === undefined
      ? {}
      : { nonce: { of: `${caller.key} ${caller.nonce}`, hash: caller.request_hash ?? '' } }),
  };
}

// small worlds, so that everything collides with everything
const tenant = fc.constantFrom('acme', 'umbra');
const key = fc.constantFrom('p', 'q');
const span = (of: string) =>
  fc
    .record({
      id: fc.integer({ min: 1, max: 9 }),
      isBirth: fc.boolean(),
      subject: fc.constantFrom('web', 'api'),
      text: fc.constantFrom('', '', '', 'other'),
      prev: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined, freq: 3 }),
      verdict: fc.option(fc.integer({ min: 7, max: 14 }), { nil: undefined, freq: 3 }),
      role: fc.constantFrom('client' as const, 'service' as const),
      reads: fc.dictionary(key, fc.integer({ min: -1, max: 12 }), { maxKeys: 2 }),
      writes: fc.uniqueArray(key),
      validUntilMs: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined, freq: 4 }),
      no: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    })
    .filter(({ id, verdict }) => id !== verdict)
    .map(({ id, isBirth, subject, prev, ...wishes }) =>
      aSpan(id, {
        ...wishes,
        tenant: of,
        ...(prev === undefined
          ? {}
          : { prev: `urn:span:00000000-0000-7000-8000-${prev.toString(16).padStart(12, '0')}` }),
        subject: `urn:minicontainer:${of}/${subject}`,
        ...(isBirth
          ? { intent: TENANT_CREATED, payload: { origin: `logs.test/${of}`, log_key: `vkey-${of}` } }
          : {}),
      }),
    );
const hash = fc.constantFrom('blake3:a', 'blake3:b');
const caller = fc.oneof(
  fc.constant({ kind: 'own' as const, user: 'x' }),
  fc.record({
    kind: fc.constant('token' as const),
    token: fc.constantFrom('t1', 't2'),
    idempotency_key: fc.constantFrom('i', 'j', 'k'),
    payload_hash: hash,
  }),
  fc.record({
    kind: fc.constant('token' as const),
    token: fc.constant('t1'),
    key: fc.constantFrom('k1', 'k2'),
    nonce: fc.constantFrom('m', 'n', 'o'),
    request_hash: hash,
  }),
);
const request = tenant.chain((of) =>
  fc
    .record({
      caller,
      deadlineMs: fc.integer({ min: 20, max: 2000 }),
      attempt: fc.integer({ min: 0, max: 15 }),
      spans: fc.array(span(of), { minLength: 1, maxLength: 5 }),
    })
    .map((wishes) => aRequest({ ...wishes, tenant: of })),
);
const turn = fc.record({
  nowMs: fc.integer({ min: 0, max: 100 }),
  requests: fc.array(request, { maxLength: 5 }),
});

it('decides each span as if it were alone and all before it committed', () => {
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 8 }), (turns) => {
      const reference = new Reference();
      for (const { nowMs, requests } of turns) {
        const before = reference.history.length;
        const { outcomes, changes } = sequence(aBatch(requests, nowMs), reference.known(requests), nameOf);
        expect(outcomes).toEqual(reference.take(requests, nowMs));
        const added = reference.history.slice(before);
        const placed = changes.logs.flatMap((log) =>
          log.entries.map(({ entry, index }) => ({
            tenant: log.tenant,
            index,
            this: entry.this,
            timeMs: log.timeMs,
          })),
        );
        const inOrder = (lines: typeof placed) =>
          lines.toSorted((a, b) => a.tenant.localeCompare(b.tenant) || a.index - b.index);
        expect(inOrder(placed)).toEqual(
          inOrder(
            added.map((line) => ({
              tenant: line.tenant,
              index: line.index,
              this: line.this,
              timeMs: line.timeMs,
            })),
          ),
        );
      }
    }),
    { numRuns: 500 },
  );
});
