import { formatHex } from '@logline/canon-sign';
import { describe, expect, test } from 'vitest';
import {
  keyAddSpan,
  logRotatedSpan,
  NOW_MS,
  type SignedSpan,
  TENANT,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
} from '@logline/testing';
import {
  appendLeaf,
  type Edge,
  emptyEdge,
  formatVkey,
  leafHash,
  rootOf,
  signCheckpoint,
  toVkey,
} from '@logline/tlog';
import { RunnerError } from '../errors.ts';
import { LogFold, type Pins } from './log-fold.ts';

const ORIGIN = `${TEST_ORIGIN}/${TENANT}`;
const PINS: Pins = {
  tenant: TENANT,
  rootKey: testKey('root').pub,
  logKey: toVkey(ORIGIN, testKey('log').signer.publicKey),
};
const FROM_MS = NOW_MS + 60_000;

/** A log whose commits are of one fact each, signed by whichever keys a test says. */
class Reading {
  readonly fold: LogFold;
  #edge: Edge = emptyEdge();
  #index = 0;

  constructor(pins: Pins = PINS) {
    this.fold = new LogFold(pins);
  }

  take({ bytes }: SignedSpan, timeMs: number, ...signers: readonly string[]): void {
    const leaf = leafHash(bytes);
    this.#edge = appendLeaf(this.#edge, leaf);
    const checkpoint = signCheckpoint(
      { origin: ORIGIN, size: this.#edge.size, root: rootOf(this.#edge) },
      signers.map((name) => ({ name: ORIGIN, signer: testKey(name).signer })),
    );
    const place = {
      tenant: TENANT,
      log: ORIGIN,
      index: this.#index,
      leaf: formatHex(leaf),
      timeMs,
      receiptSignature: '',
      trace: '0'.repeat(32),
      checkpoint,
    };
    this.fold.take({ bytes, place, sequence: ++this.#index });
  }
}

const rotation = (change: Partial<Parameters<typeof logRotatedSpan>[0]> = {}): SignedSpan =>
  logRotatedSpan({ next: testKey('log-2'), fromMs: FROM_MS, ...change });
const another = (nth: number): SignedSpan => keyAddSpan({ added: testKey(`key-${nth}`), nth });

/** Read up to a rotation that has not taken effect yet. */
function rotated(): Reading {
  const reading = new Reading();
  reading.take(tenantCreatedSpan(), NOW_MS, 'log');
  reading.take(another(1), NOW_MS, 'log', 'log-2');
  reading.take(rotation(), NOW_MS, 'log', 'log-2');
  return reading;
}

describe('a reading of a log whose key gives way to another', () => {
  test('begins with the key of the birth, and says so to whoever pinned a later one', () => {
    const reading = new Reading({ ...PINS, logKey: toVkey(ORIGIN, testKey('log-2').signer.publicKey) });
    expect(() => reading.take(tenantCreatedSpan(), NOW_MS, 'log')).toThrow(
      'pin the log key that the tenant was born with',
    );
  });

  test('goes on from the pinned key to the new one, also from where it was stored', () => {
    const reading = rotated();
    reading.take(another(2), FROM_MS - 1, 'log', 'log-2');
    reading.take(another(3), FROM_MS, 'log-2', 'log');
    reading.take(another(4), FROM_MS + 1, 'log-2');
    expect(reading.fold.knowledge.index).toBe(5);
    const again = new LogFold(PINS, reading.fold.toStored());
    expect(again.keys.map(({ vkey, fromMs }) => [formatVkey(ORIGIN, vkey.publicKey), fromMs])).toEqual(
      ['log', 'log-2'].map((name, at) => [formatVkey(ORIGIN, testKey(name).signer.publicKey), at * FROM_MS]),
    );
  });

  const lies: readonly (readonly [string, (reading: Reading) => void])[] = [
    ['a checkpoint by the old key once its time is over', (one) => one.take(another(2), FROM_MS, 'log')],
    ['a checkpoint by the new key before its time', (one) => one.take(another(2), FROM_MS - 1, 'log-2')],
    ['a checkpoint by a key never introduced', (one) => one.take(another(2), FROM_MS, 'log-3')],
    [
      'time that runs back to the old key',
      (one) => {
        one.take(another(2), FROM_MS, 'log-2');
        one.take(another(3), FROM_MS - 1, 'log');
      },
    ],
    [
      'a second rotation before the first took effect',
      (one) => one.take(rotation({ next: testKey('log-3') }), NOW_MS, 'log'),
    ],
  ];
  test.each(lies)('believes nothing after %s', (_, lie) => {
    expect(() => lie(rotated())).toThrow(RunnerError);
  });

  const rotations: readonly (readonly [string, SignedSpan])[] = [
    ['a key that has not agreed', rotation({ possessor: testKey('log-3') })],
    ['a key of another log', rotation({ origin: `evil.test/${TENANT}` })],
    ['a key after another than the one in force', rotation({ previous: testKey('log-3') })],
    ['the past', rotation({ fromMs: NOW_MS })],
  ];
  test.each(rotations)('is not led on to %s', (_, span) => {
    const reading = new Reading();
    reading.take(tenantCreatedSpan(), NOW_MS, 'log');
    expect(() => reading.take(span, NOW_MS, 'log')).toThrow(RunnerError);
    expect(reading.fold.keys).toHaveLength(1);
  });
});
