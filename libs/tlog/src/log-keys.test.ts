import { type LocalSigner } from '@logline/canon-sign';
import { expect, test } from 'vitest';
import {
  EARLY,
  entry,
  first,
  FROM,
  LATE,
  LOG,
  pinned,
  rotation,
  second,
  stranger,
  third,
  vkey,
} from '../test/rotation-world.ts';
import { codeOf } from '../test/whole-tree.ts';
import { signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { leafHash } from './leaf.ts';
import {
  type Evidence,
  logKeyAt,
  type LogKeys,
  logKeysFrom,
  verifyReceiptInTime,
  verifyRotation,
} from './log-keys.ts';
import { formatVkey, parseNote, toVkey } from './note.ts';

const rotated = verifyRotation(rotation(), pinned);
const stop = { intent: 'deploy.stop', subject: 'urn:minicontainer:acme/web' };

test('a rotation in the log leads from the pinned key to the next, and the same one again changes nothing', () => {
  const evidence = rotation();
  const keys = verifyRotation(evidence, pinned);
  expect(keys.map((key) => formatVkey(LOG, key.vkey.publicKey))).toEqual([vkey(first), vkey(second)]);
  expect(verifyRotation(evidence, keys)).toBe(keys);
});

test('each log time has one key', () => {
  const at = (ts: string): string => formatVkey(LOG, logKeyAt(rotated, Date.parse(ts)).publicKey);
  expect([EARLY, '2026-11-23T23:59:59.999Z', FROM, LATE].map(at)).toEqual([
    vkey(first),
    vkey(first),
    vkey(second),
    vkey(second),
  ]);
});

test('from each log time on there are the key of then and those after it', () => {
  const from = (ts: string): readonly string[] =>
    logKeysFrom(rotated, Date.parse(ts)).map((key) => formatVkey(LOG, key.vkey.publicKey));
  expect([EARLY, FROM, LATE].map(from)).toEqual([
    [vkey(first), vkey(second)],
    [vkey(second)],
    [vkey(second)],
  ]);
  expect(logKeysFrom(rotated, -1)).toEqual(rotated);
});

test('an old receipt holds for ever by the old key; a later one only by the new', () => {
  const cases: readonly (readonly [Evidence, LogKeys, string])[] = [
    [entry(stop, EARLY, [first]), pinned, 'accepted'],
    [entry(stop, EARLY, [first]), rotated, 'accepted'],
    [entry(stop, EARLY, [first, second]), pinned, 'accepted'],
    [entry(stop, EARLY, [first, second]), rotated, 'accepted'],
    [entry(stop, EARLY, [second, first]), rotated, 'SIGNATURE_INVALID'],
    [entry(stop, LATE, [second]), rotated, 'accepted'],
    [entry(stop, LATE, [second, first]), rotated, 'accepted'],
    [entry(stop, LATE, [second]), pinned, 'SIGNATURE_INVALID'],
    [entry(stop, LATE, [first]), rotated, 'SIGNATURE_INVALID'],
    [entry(stop, LATE, [first, second]), rotated, 'SIGNATURE_INVALID'],
    [entry(stop, LATE, [stranger]), rotated, 'SIGNATURE_INVALID'],
  ];
  for (const [evidence, keys, outcome] of cases)
    expect(codeOf(() => verifyReceiptInTime(evidence, keys))).toBe(outcome);
});

test('both signatures of the overlap are true, or the checkpoint is none', () => {
  const { receipt, spanBytes } = entry(stop, EARLY, [first, second]);
  const lines = receipt.merkle.split('\n');
  const own = lines.findLastIndex((line) => line.startsWith('— '));
  const [by, name, blob = ''] = lines[own]?.split(' ') ?? [];
  lines[own] = `${by} ${name} ${blob.slice(0, 20)}${blob[20] === 'A' ? 'B' : 'A'}${blob.slice(21)}`;
  const forged = { receipt: { ...receipt, merkle: lines.join('\n') }, spanBytes };
  expect(codeOf(() => verifyReceiptInTime(forged, rotated))).toBe('SIGNATURE_INVALID');
  // whoever knows only the first key cannot tell
  expect(codeOf(() => verifyReceiptInTime(forged, pinned))).toBe('accepted');
  expect(parseNote(forged.receipt.merkle.split('\n\n').slice(1).join('\n\n')).signatures).toHaveLength(2);
});

test('a checkpoint of the overlap is good to those who know either key, and to nobody who knows neither', () => {
  const note = signCheckpoint(
    { origin: LOG, size: 1n, root: leafHash(new Uint8Array(1)) },
    [first, second].map((signer) => ({ name: LOG, signer })),
  );
  const by = (signer: LocalSigner): string =>
    codeOf(() => verifyCheckpoint(note, { origin: LOG, vkeys: [toVkey(LOG, signer.publicKey)] }));
  expect([first, second, stranger].map(by)).toEqual(['accepted', 'accepted', 'UNKNOWN_KEY']);
});

test('rotations follow each other one by one', () => {
  const next = rotation(
    {
      payload: { previous: vkey(second), log_key: vkey(third), from: '2026-12-01T00:00:00Z' },
      agreed: third,
    },
    LATE,
    [second, third],
  );
  const keys = verifyRotation(next, rotated);
  expect(keys).toHaveLength(3);
  // not known to be next: the one between is missing
  expect(codeOf(() => verifyRotation(next, pinned))).toBe('SIGNATURE_INVALID');
});

const lies: readonly (readonly [string, Evidence, string])[] = [
  ['by a key that was never introduced', rotation({}, EARLY, [stranger, second]), 'SIGNATURE_INVALID'],
  ['by the new key alone', rotation({}, EARLY, [second]), 'SIGNATURE_INVALID'],
  ['without the agreement of the new key', rotation({ agreed: stranger }), 'MALFORMED_ROTATION'],
  [
    'to a key of another log',
    rotation({ payload: { log_key: formatVkey('log.example/other', second.publicKey) } }),
    'MALFORMED_ROTATION',
  ],
  ['of another log', rotation({ payload: { origin: 'log.example/other' } }), 'MALFORMED_ROTATION'],
  ['about another tenant', rotation({ span: { subject: 'urn:tenant:other' } }), 'MALFORMED_ROTATION'],
  [
    'from another key than the one in force',
    rotation({ payload: { previous: vkey(third) } }),
    'MALFORMED_ROTATION',
  ],
  [
    'back to the same key',
    rotation({ payload: { log_key: vkey(first) }, agreed: first }),
    'MALFORMED_ROTATION',
  ],
  ['that begins before it was logged', rotation({ payload: { from: EARLY } }), 'MALFORMED_ROTATION'],
  ['at no time', rotation({ payload: { from: 'soon' } }), 'MALFORMED_ROTATION'],
  ['that is another intent', rotation({ span: { intent: 'registry.key.add' } }), 'MALFORMED_ROTATION'],
  ['to no key', rotation({ payload: { log_key: 'none' } }), 'MALFORMED_KEY'],
  ['without a payload', rotation({ span: { payload: null } }), 'MALFORMED_ROTATION'],
];
test.each(lies)('a rotation %s leads nowhere', (_, evidence, code) => {
  expect(codeOf(() => verifyRotation(evidence, pinned))).toBe(code);
});

test('what is no receipt at all has a code too', () => {
  for (const receipt of [null, 7, {}, { ts: 'never' }]) {
    const hostile = { receipt: receipt as unknown as Evidence['receipt'], spanBytes: new Uint8Array() }; // from a file
    expect(codeOf(() => verifyReceiptInTime(hostile, pinned))).toBe('MALFORMED_RECEIPT');
  }
});
