import { logRotatedSpan, signedSpan, testKey } from '@logline/testing';
import { emptyTiledEdge, formatVkey, parseVkey, verifyNote, verifyReceipt } from '@logline/tlog';
import { describe, expect, it } from 'vitest';
import type { PlacedEntry } from './draft.ts';
import { parseEntry } from './entry.ts';
import { type Log, sealLog, toReceipt } from './seal.ts';

const ORIGIN = 'logs.test/acme';
const { signer } = testKey('log');
const vkeys = [parseVkey(formatVkey(ORIGIN, signer.publicKey))];
const EMPTY: Log = {
  logId: 1,
  tenant: 'acme',
  origin: ORIGIN,
  size: 0,
  timeMs: 0,
  tree: emptyTiledEdge(),
  keys: { key: formatVkey(ORIGIN, signer.publicKey) },
};

function entriesOf(count: number, from: number) {
  return Array.from({ length: count }, (_, at) => {
    const { bytes } = signedSpan({
      intent: 'deploy.stop',
      subject: 'urn:minicontainer:acme/web',
      payload: { nth: from + at },
    });
    return {
      entry: parseEntry(bytes, 'acme'),
      index: from + at,
      trace: 'f'.repeat(32),
      verdictOf: undefined,
    };
  });
}

describe('a commit', () => {
  it('gives every entry a receipt that verifies offline, at any size and past the edge of a tile', () => {
    let log = EMPTY;
    const tiles: number[] = [];
    for (const count of [1, 2, 250, 3, 1, 300]) {
      const entries = entriesOf(count, log.size);
      const seal = sealLog(
        log,
        { tenant: 'acme', isNew: log.size === 0, oldSize: log.size, timeMs: 1000 + log.size, entries },
        signer,
      );
      for (const sealed of seal.entries) {
        const receipt = toReceipt({ ...sealed, checkpoint: seal.checkpoint });
        const verified = verifyReceipt({ receipt, spanBytes: sealed.entry.bytes, vkeys });
        expect(verified.size).toBe(BigInt(log.size + count));
      }
      tiles.push(...seal.tiles.map(({ index }) => Number(index)));
      log = seal.after;
    }
    expect(log.size).toBe(557);
    expect(tiles).toEqual([0, 1]);
  });

  it('leaves the log it grew from as it was', () => {
    const growth = { tenant: 'acme', isNew: true, oldSize: 0, timeMs: 1, entries: entriesOf(3, 0) };
    const [one, other] = [sealLog(EMPTY, growth, signer), sealLog(EMPTY, growth, signer)];
    expect(one.checkpoint).toBe(other.checkpoint);
    expect(EMPTY.tree.size).toBe(0n);
  });

  it('has both keys on its checkpoint while one gives way to the other, and one on each receipt', () => {
    const next = testKey('log-2');
    const nextVkey = parseVkey(formatVkey(ORIGIN, next.signer.publicKey));
    const growth = { tenant: 'acme', isNew: true, oldSize: 0, timeMs: 1, entries: entriesOf(3, 0) };
    const seal = sealLog(EMPTY, growth, signer, next.signer);
    expect(verifyNote(seal.checkpoint, [...vkeys, nextVkey]).signers).toEqual([...vkeys, nextVkey]);
    for (const sealed of seal.entries) {
      const claim = {
        receipt: toReceipt({ ...sealed, checkpoint: seal.checkpoint }),
        spanBytes: sealed.entry.bytes,
      };
      verifyReceipt({ ...claim, vkeys });
      expect(() => verifyReceipt({ ...claim, vkeys: [nextVkey] })).toThrow(
        'not signed by the key of its log',
      );
    }
  });

  it('knows afterwards which key follows', () => {
    const { bytes } = logRotatedSpan({ next: testKey('log-2'), fromMs: 5000 });
    const entries = [{ ...entriesOf(1, 0)[0], entry: parseEntry(bytes, 'acme') }];
    const { after } = sealLog(
      EMPTY,
      // one of one
      { tenant: 'acme', isNew: true, oldSize: 0, timeMs: 1, entries: entries as PlacedEntry[] },
      signer,
    );
    const [key, next] = ['log', 'log-2'].map((name) =>
      formatVkey('logline.test/acme', testKey(name).signer.publicKey),
    );
    expect(after.keys).toEqual({ key, next: { key: next, fromMs: 5000 } });
  });
});
