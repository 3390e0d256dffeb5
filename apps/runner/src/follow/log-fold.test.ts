import { describe, expect, test } from 'vitest';
import { canonicalBytes, formatHex, parseStrict } from '@logline/canon-sign';
import type { FactPlace, Span } from '@logline/contracts';
import { NOW_MS, runnerAddSpan, tenantCreatedSpan, TENANT, TEST_ORIGIN, testKey } from '@logline/testing';
import { appendLeaf, emptyEdge, leafHash, rootOf, signCheckpoint, toVkey } from '@logline/tlog';
import { RunnerError } from '../errors.ts';
import { LogFold, type Pins, type ReadFact } from './log-fold.ts';

const ORIGIN = `${TEST_ORIGIN}/${TENANT}`;
const PINS: Pins = {
  tenant: TENANT,
  rootKey: testKey('root').pub,
  logKey: toVkey(ORIGIN, testKey('log').signer.publicKey),
};

/** Facts as a ledger stores them; a checkpoint after each index in `covered`. */
function logOf(
  spans: readonly { readonly bytes: Uint8Array }[],
  covered: readonly number[],
  key = testKey('log'),
): ReadFact[] {
  let edge = emptyEdge();
  return spans.map(({ bytes }, index) => {
    const leaf = leafHash(bytes);
    edge = appendLeaf(edge, leaf);
    const note = () =>
      signCheckpoint({ origin: ORIGIN, size: edge.size, root: rootOf(edge) }, [
        { name: ORIGIN, signer: key.signer },
      ]);
    const place: FactPlace = {
      tenant: TENANT,
      log: ORIGIN,
      index,
      leaf: formatHex(leaf),
      timeMs: NOW_MS + index,
      receiptSignature: '',
      trace: '0'.repeat(32),
      ...(covered.includes(index) ? { checkpoint: note() } : {}),
    };
    return { bytes, place, sequence: index + 10 };
  });
}

const birth = tenantCreatedSpan();
const runner = await runnerAddSpan();
const [first, second] = logOf([birth, runner], [1]);
if (first === undefined || second === undefined) throw new Error('a log of two facts');

describe('a reading of the log', () => {
  test('counts nothing until a signed checkpoint covers it, and then all of it, in order', () => {
    const fold = new LogFold(PINS);
    expect(fold.take(first)).toEqual([]);
    expect(fold.knowledge.index).toBe(-1);
    expect(fold.take(second).map(({ index }) => index)).toEqual([0, 1]);
    expect(fold.knowledge).toMatchObject({ index: 1 });
    expect(fold.knowledge.runners.size).toBe(1);
    expect(fold.readSequence).toBe(11);
  });

  test('goes on from where it was stored', () => {
    const before = new LogFold(PINS);
    before.take(first);
    before.take(second);
    const after = new LogFold(PINS, before.toStored());
    expect(after.readIndex).toBe(1);
    const third = logOf([birth, runner, runner], [2])[2];
    // the same runner twice: refused by the rules, not by the tree
    expect(() => third === undefined || after.take(third)).toThrow(/is refused/);
  });

  const changedSpan = (change: (span: Span) => Span): Uint8Array =>
    canonicalBytes(change(parseStrict(runner.bytes) as unknown as Span)); // a span, as built above
  const cases: readonly [string, () => readonly ReadFact[]][] = [
    [
      'bytes that are not those of the leaf hash',
      () => [
        first,
        { ...second, bytes: changedSpan((span) => ({ ...span, ts: '2026-11-23T12:00:09.000Z' })) },
      ],
    ],
    ['a checkpoint by another key', () => logOf([birth, runner], [1], testKey('another log'))],
    [
      'a checkpoint of other facts',
      () => [
        first,
        {
          ...second,
          place: { ...second.place, checkpoint: logOf([birth, birth], [1])[1]?.place.checkpoint },
        },
      ],
    ],
    [
      'a checkpoint of a smaller tree',
      () => [
        first,
        { ...second, place: { ...second.place, checkpoint: logOf([birth], [0])[0]?.place.checkpoint } },
      ],
    ],
    [
      'a checkpoint that is none',
      () => [first, { ...second, place: { ...second.place, checkpoint: 'nonsense' } }],
    ],
    ['a fact left out', () => [{ ...second }]],
    ['a fact twice', () => [first, first]],
    ['a fact of another tenant', () => [{ ...first, place: { ...first.place, tenant: 'other' } }]],
    ['a fact of another log', () => [{ ...first, place: { ...first.place, log: 'other/acme' } }]],
    ['an entry that is no span', () => logOf([{ bytes: new TextEncoder().encode('{"a":1}') }], [0])],
    ['an entry that is not JSON', () => logOf([{ bytes: new TextEncoder().encode('\u0000') }], [0])],
    [
      'a signature that is not by the key it names',
      () =>
        logOf([birth, { bytes: changedSpan((span) => ({ ...span, ts: '2026-11-23T12:00:09.000Z' })) }], [1]),
    ],
    [
      'a log that does not begin with the pinned root key',
      () => logOf([tenantCreatedSpan({ root: testKey('somebody') })], [0]),
    ],
    [
      'a log that names another log key',
      () => logOf([tenantCreatedSpan({ log: testKey('another log') })], [0]),
    ],
    ['a log that begins with something else', () => logOf([runner], [0])],
    [
      'time that runs backwards',
      () => [first, { ...second, place: { ...second.place, timeMs: NOW_MS - 1 } }],
    ],
  ];
  test.each(cases)('believes nothing after %s', (_, facts) => {
    const fold = new LogFold(PINS);
    expect(() => facts().forEach((fact) => fold.take(fact))).toThrow(RunnerError);
    expect(fold.knowledge.runners.size).toBe(0);
  });
});
