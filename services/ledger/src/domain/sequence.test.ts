import { describe, expect, it } from 'vitest';
import { sequence } from './sequence.ts';
import type { BatchSpan } from './batch.ts';
import { keyOf } from './known.ts';
import {
  aBatch,
  aRequest,
  aSpan,
  born,
  idOf,
  nameOf,
  NOTHING,
  type SpanWishes,
} from '../../test/sequence-world.ts';

const LIVE_LOG = { size: 3, timeMs: 1000 };
const LIVE = born(LIVE_LOG);

describe('a batch', () => {
  it('numbers spans from the size of the log, a verdict right behind its cause', () => {
    const batch = aBatch([aRequest({ spans: [aSpan(1), aSpan(2, { verdict: 9 }), aSpan(3)] })]);
    const { outcomes, changes } = sequence(batch, LIVE, nameOf);
    expect(outcomes).toEqual([[appended(3), appended(4), appended(6)]]);
    const [log] = changes.logs;
    expect(log?.entries.map(({ index, verdictOf }) => [index, verdictOf])).toEqual([
      [3, undefined],
      [4, undefined],
      [5, 4],
      [6, undefined],
    ]);
  });

  it('gives a retry within the batch the receipt of the first', () => {
    const batch = aBatch([aRequest({ spans: [aSpan(1)] }), aRequest({ spans: [aSpan(1)] })]);
    expect(sequence(batch, LIVE, nameOf).outcomes).toEqual([[appended(3)], [{ kind: 'replayed', index: 3 }]]);
  });

  it('refuses other bytes under an id that the batch has just used', () => {
    const batch = aBatch([
      aRequest({ spans: [aSpan(1)] }),
      aRequest({ spans: [aSpan(1, { text: 'other' })] }),
    ]);
    expect(sequence(batch, LIVE, nameOf).outcomes[1]).toEqual([{ kind: 'span_exists', index: 3 }]);
  });

  it('lets only one of two deploys spend a proof', () => {
    const deploy = (id: number) => aSpan(id, { reads: { 'proof:p': 2 }, writes: ['proof:p'] });
    const known = { ...LIVE, writes: new Map([['acme proof:p', 2]]) };
    const batch = aBatch([aRequest({ spans: [deploy(1)] }), aRequest({ spans: [deploy(2)] })]);
    expect(sequence(batch, known, nameOf).outcomes).toEqual([
      [appended(3)],
      [{ kind: 'stale', minIndex: 3, attempt: 1 }],
    ]);
  });

  it('writes keys at the index of the verdict, so that readers fold both', () => {
    const batch = aBatch([aRequest({ spans: [aSpan(1, { verdict: 2, writes: ['proof:p'] })] })]);
    expect(sequence(batch, LIVE, nameOf).changes.writes.get('acme proof:p')?.index).toBe(4);
  });

  it('keeps the log time of a log whose clock went backwards', () => {
    const batch = aBatch([aRequest({ spans: [aSpan(1)] })], 400);
    expect(sequence(batch, LIVE, nameOf).changes.logs[0]?.timeMs).toBe(1000);
  });

  it('does not mix tenants', () => {
    const batch = aBatch([
      aRequest({ spans: [aSpan(1, { tenant: 'acme' })] }),
      aRequest({ tenant: 'umbra', spans: [aSpan(1, { tenant: 'umbra' })] }),
    ]);
    const known = born({ size: 3, timeMs: 0 }, 'acme', born({ size: 8, timeMs: 0 }, 'umbra'));
    expect(sequence(batch, known, nameOf).outcomes).toEqual([[appended(3)], [appended(8)]]);
  });
});

describe('a span whose verdict is stale', () => {
  it('goes back to the gate with the index it must reach', () => {
    const known = { ...LIVE, writes: new Map([['acme kid:k', 2]]) };
    const batch = aBatch([aRequest({ spans: [aSpan(1, { reads: { 'kid:k': 0 } })] })]);
    expect(sequence(batch, known, nameOf).outcomes).toEqual([[{ kind: 'stale', minIndex: 2, attempt: 1 }]]);
  });

  it('takes its later siblings along, and never a replay', () => {
    const known = {
      ...LIVE,
      writes: new Map([['acme kid:k', 2]]),
      spans: new Map([[`acme ${idOf(7)}`, { index: 1, hash: aSpan(7).entry.hash }]]),
    };
    const batch = aBatch([aRequest({ spans: [aSpan(1, { reads: { 'kid:k': 0 } }), aSpan(7), aSpan(2)] })]);
    expect(sequence(batch, known, nameOf).outcomes[0]?.map(({ kind }) => kind)).toEqual([
      'stale',
      'replayed',
      'stale',
    ]);
  });

  it('counts as stale when a no rests on it', () => {
    const known = { ...LIVE, writes: new Map([['acme proofs:s', 2]]) };
    const batch = aBatch([aRequest({ spans: [aSpan(1, { reads: { 'proofs:s': -1 }, no: true })] })]);
    expect(sequence(batch, known, nameOf).outcomes[0]?.[0]?.kind).toBe('stale');
  });

  it('is called unavailable after sixteen attempts without progress', () => {
    const known = { ...LIVE, writes: new Map([['acme kid:k', 2]]) };
    const stale = aSpan(1, { reads: { 'kid:k': 0 } });
    const at = (attempt: number) =>
      sequence(aBatch([aRequest({ attempt, spans: [stale] })]), known, nameOf).outcomes[0]?.[0];
    expect(at(14)).toEqual({ kind: 'stale', minIndex: 2, attempt: 15 });
    expect(at(15)).toEqual({ kind: 'starved' });
  });

  it('starts counting anew when its request made progress', () => {
    const chain = [
      aSpan(1, { reads: { registry: -1 }, writes: ['registry'] }),
      aSpan(2, { reads: { registry: -1 }, writes: ['registry'] }),
    ];
    const batch = aBatch([aRequest({ attempt: 15, spans: chain })]);
    expect(sequence(batch, LIVE, nameOf).outcomes[0]).toEqual([
      appended(3),
      { kind: 'stale', minIndex: 3, attempt: 1 },
    ]);
  });

  it('expires with what it rests on, by log time', () => {
    const at = (nowMs: number) =>
      sequence(aBatch([aRequest({ spans: [aSpan(1, { validUntilMs: 2000 })] })], nowMs), LIVE, nameOf)
        .outcomes[0]?.[0];
    expect(at(2000)).toEqual(appended(3));
    expect(at(2001)).toEqual({ kind: 'stale', minIndex: 0, attempt: 1 });
  });
});

describe('a span that cannot be appended', () => {
  it('is answered with the no of the gate while its reads hold', () => {
    const batch = aBatch([aRequest({ spans: [aSpan(1, { reads: { 'kid:k': -1 }, no: true })] })]);
    expect(sequence(batch, LIVE, nameOf).outcomes).toEqual([[{ kind: 'refused' }]]);
  });

  it('is told the head when prev names another', () => {
    const known = { ...LIVE, heads: new Map([['acme urn:minicontainer:acme/web', idOf(5)]]) };
    const batch = aBatch([
      aRequest({
        spans: [aSpan(1, { prev: idOf(4) }), aSpan(2, { prev: idOf(5) }), aSpan(3, { prev: idOf(2) })],
      }),
    ]);
    expect(sequence(batch, known, nameOf).outcomes).toEqual([
      [{ kind: 'moved', head: idOf(5) }, appended(3), appended(4)],
    ]);
  });

  it('does not move a head that only clients move', () => {
    const batch = aBatch([aRequest({ spans: [aSpan(1, { role: 'service' }), aSpan(2, { prev: idOf(1) })] })]);
    expect(sequence(batch, LIVE, nameOf).outcomes[0]?.[1]).toEqual({ kind: 'moved', head: undefined });
  });

  it('is late when its deadline has come, but a replay never is', () => {
    const known = { ...LIVE, spans: new Map([[`acme ${idOf(2)}`, { index: 1, hash: aSpan(2).entry.hash }]]) };
    const batch = aBatch([aRequest({ deadlineMs: 5000, spans: [aSpan(1), aSpan(2)] })], 5000);
    expect(sequence(batch, known, nameOf).outcomes).toEqual([
      [{ kind: 'late' }, { kind: 'replayed', index: 1 }],
    ]);
  });

  it('conflicts when its verdict has an id that somebody occupied', () => {
    const batch = aBatch([aRequest({ spans: [aSpan(9), aSpan(1, { verdict: 9 })] })]);
    expect(sequence(batch, LIVE, nameOf).outcomes[0]?.[1]).toEqual({ kind: 'span_exists', index: 3 });
  });
});

describe('an idempotency key', () => {
  const caller = (payload: string, nonce?: string) => ({
    kind: 'token' as const,
    token: 't1',
    idempotency_key: 'order 7',
    payload_hash: payload,
    ...(nonce === undefined ? {} : { key: 'k1', nonce, request_hash: payload }),
  });

  it('names the earlier span when it comes with another payload, in the batch and after it', () => {
    const batch = aBatch([
      aRequest({ caller: caller('blake3:a'), spans: [aSpan(1)] }),
      aRequest({ caller: caller('blake3:b'), spans: [aSpan(2)] }),
    ]);
    const { outcomes, changes } = sequence(batch, LIVE, nameOf);
    expect(outcomes[1]).toEqual([{ kind: 'payload_mismatch', index: 3 }]);
    expect([...changes.idempotency.values()]).toEqual([
      { tenant: 'acme', owner: 't1', name: 'order 7', hash: 'blake3:a', index: 3 },
    ]);
  });

  it('is not spent by a request of which nothing was committed', () => {
    const batch = aBatch([
      aRequest({ caller: caller('blake3:a'), spans: [aSpan(1, { no: true })] }),
      aRequest({ caller: caller('blake3:b'), spans: [aSpan(2)] }),
    ]);
    expect(sequence(batch, LIVE, nameOf).outcomes[1]).toEqual([appended(3)]);
  });

  it('replays before the nonce is looked at', () => {
    const batch = aBatch([
      aRequest({ caller: caller('blake3:a', 'n1'), spans: [aSpan(1)] }),
      aRequest({ caller: caller('blake3:a', 'n1'), spans: [aSpan(1), aSpan(2)] }),
    ]);
    expect(sequence(batch, LIVE, nameOf).outcomes[1]).toEqual([{ kind: 'replayed', index: 3 }, appended(4)]);
  });
});

describe('a nonce', () => {
  it('is refused to another request once a commit has spent it', () => {
    const caller = (request: string) => ({
      kind: 'token' as const,
      token: 't1',
      key: 'k1',
      nonce: 'n1',
      request_hash: request,
    });
    const batch = aBatch([
      aRequest({ caller: caller('blake3:a'), spans: [aSpan(1, { no: true })] }),
      aRequest({ caller: caller('blake3:b'), spans: [aSpan(2)] }),
      aRequest({ caller: caller('blake3:c'), spans: [aSpan(3)] }),
    ]);
    expect(sequence(batch, LIVE, nameOf).outcomes).toEqual([
      [{ kind: 'refused' }],
      [appended(3)],
      [{ kind: 'nonce_reused' }],
    ]);
  });
});

describe('the birth of a tenant', () => {
  const birth = (origin = 'logs.test/acme') =>
    aSpan(1, {
      intent: 'registry.tenant.created',
      subject: 'urn:tenant:acme',
      payload: { origin, log_key: 'vkey-acme' },
    });

  it('makes the log, and what follows in the batch is in it', () => {
    const batch = aBatch([aRequest({ spans: [birth()] }), aRequest({ spans: [aSpan(2)] })]);
    const { outcomes, changes } = sequence(batch, NOTHING, nameOf);
    expect(outcomes).toEqual([[appended(0)], [appended(1)]]);
    expect(changes.logs).toMatchObject([{ tenant: 'acme', isNew: true, oldSize: 0 }]);
  });

  it('happens once', () => {
    expect(sequence(aBatch([aRequest({ spans: [birth()] })]), LIVE, nameOf).outcomes).toEqual([
      [{ kind: 'span_exists', index: 0 }],
    ]);
  });

  it('must name the log that this ledger would keep', () => {
    const { outcomes } = sequence(aBatch([aRequest({ spans: [birth('evil.test/acme')] })]), NOTHING, nameOf);
    expect(outcomes).toEqual([
      [{ kind: 'misnamed', expected: { origin: 'logs.test/acme', logKey: 'vkey-acme' } }],
    ]);
  });

  it('comes before anything else of the tenant', () => {
    expect(sequence(aBatch([aRequest({ spans: [aSpan(2)] })]), NOTHING, nameOf).outcomes).toEqual([
      [{ kind: 'no_such_log' }],
    ]);
  });
});

describe('the keys of a log', () => {
  const FROM = '2026-01-02T00:00:00.000Z';
  const fromMs = Date.parse(FROM);
  const both = (tenant: string) => ({ ...nameOf(tenant), otherLogKey: 'vkey-2' });
  const rotation = (payload: Record<string, unknown> = {}, wishes: SpanWishes = {}) =>
    aSpan(9, {
      intent: 'registry.log.rotated',
      subject: 'urn:tenant:acme',
      payload: { origin: 'logs.test/acme', previous: 'vkey-acme', log_key: 'vkey-2', from: FROM, ...payload },
      writes: ['log-key'],
      ...wishes,
    });
  const decide = (spans: readonly BatchSpan[], known = LIVE, nowMs = 1500, name: typeof nameOf = both) =>
    sequence(aBatch([aRequest({ spans, deadlineMs: 2e12 })], nowMs), known, name).outcomes[0];

  it('may be followed by a key that this ledger holds', () => {
    expect(decide([rotation()])).toEqual([appended(3)]);
  });

  it.each([
    ['a key it does not hold', rotation(), nameOf],
    ['a key of nobody', rotation({ log_key: 'vkey-3' }), both],
    ['no key', rotation({ log_key: 7 }), both],
    ['another origin', rotation({ origin: 'evil.test/acme' }), both],
  ])('are not followed by %s', (_, span, name) => {
    expect(decide([span], LIVE, 1500, name)).toMatchObject([{ kind: 'misnamed' }]);
  });

  it.each([
    ['after another key', rotation({ previous: 'vkey-2' }), 'previous is not the key in force'],
    ['at once', rotation({ from: '1970-01-01T00:00:01.500Z' }), 'from is not in the future'],
    ['at no time', rotation({ from: 'soon' }), 'previous is not the key in force'],
    ['unmarked, so that it could not be found again', rotation({}, { writes: [] }), 'unmarked'],
  ])('do not change %s', (_, span, why) => {
    expect(decide([span])).toEqual([{ kind: 'untimely', why }]);
  });

  it('change once at a time, also within a batch', () => {
    const second = { ...rotation(), entry: { ...rotation().entry, this: idOf(10), hash: 'other' } };
    expect(decide([rotation(), second])).toEqual([
      appended(3),
      { kind: 'untimely', why: 'another rotation is under way' },
    ]);
  });

  it('sign what is appended while they are held here, and nothing is signed by any other', () => {
    const rotated = born({ ...LIVE_LOG, keys: { key: 'vkey-acme', next: { key: 'vkey-2', fromMs } } });
    const only = (logKey: string) => () => ({ origin: 'logs.test/acme', logKey });
    const cases = [
      [fromMs - 1, 'vkey-acme', 'appended'],
      [fromMs - 1, 'vkey-2', 'keyless'],
      [fromMs, 'vkey-acme', 'keyless'],
      [fromMs, 'vkey-2', 'appended'],
    ] as const;
    for (const [nowMs, held, kind] of cases)
      expect(decide([aSpan(5)], rotated, nowMs, only(held))).toMatchObject([{ kind }]);
    // what is a fact already needs no key
    const placed = {
      ...rotated,
      spans: new Map([[keyOf('acme', idOf(5)), { index: 1, hash: aSpan(5).entry.hash }]]),
    };
    expect(decide([aSpan(5)], placed, fromMs, only('vkey-acme'))).toEqual([{ kind: 'replayed', index: 1 }]);
  });

  it('may be the second one from the birth on', () => {
    const birth = aSpan(1, {
      intent: 'registry.tenant.created',
      subject: 'urn:tenant:acme',
      payload: { origin: 'logs.test/acme', log_key: 'vkey-2' },
    });
    expect(decide([birth, aSpan(2)], NOTHING)).toEqual([appended(0), appended(1)]);
    expect(decide([birth], NOTHING, 1500, nameOf)).toMatchObject([{ kind: 'misnamed' }]);
  });
});

function appended(index: number) {
  return { kind: 'appended', index };
}
