import { type LocalSigner } from '@logline/canon-sign';
import { expect, test } from 'vitest';
import {
  EARLY,
  entry,
  first,
  LATE,
  LOG,
  rotation,
  second,
  stranger,
  third,
  vkey,
} from '../test/rotation-world.ts';
import { codeOf } from '../test/whole-tree.ts';
import { type Evidence, verifyReceiptInTime } from './log-keys.ts';
import { toVkey } from './note.ts';
import {
  beginSuccession,
  followRotations,
  formatRotations,
  formatSuccession,
  parseRotations,
  parseSuccession,
  type Succession,
  unknownKeyIds,
} from './succession.ts';

const from = (signer: LocalSigner): Succession => beginSuccession(toVkey(LOG, signer.publicKey));
const keysOf = ({ keys }: Succession): readonly string[] => keys.map((key) => key.vkey.keyId);
const idOf = (signer: LocalSigner): string => toVkey(LOG, signer.publicKey).keyId;

const one = rotation();
const two = rotation(
  {
    payload: { previous: vkey(second), log_key: vkey(third), from: '2026-12-01T00:00:00Z' },
    agreed: third,
  },
  LATE,
  [second, third],
);
const stop = { intent: 'deploy.stop', subject: 'urn:minicontainer:acme/web' };
const early = entry(stop, EARLY, [first]);
const late = entry(stop, LATE, [second]);
const latest = entry(stop, '2026-12-02T00:00:00.000Z', [third]);

test('whoever pinned the first key gets to the newest, step by step or at once, and keeps each proof', () => {
  const whole = followRotations(from(first), [one, two]);
  expect(keysOf(whole)).toEqual([first, second, third].map(idOf));
  expect(whole.rotations).toEqual([one, two]);
  expect(followRotations(followRotations(from(first), [one]), [one, two])).toEqual(whole);
  for (const evidence of [early, late, latest]) verifyReceiptInTime(evidence, whole.keys);
});

test('asking again when nothing came gives the same value', () => {
  const known = followRotations(from(first), [one]);
  expect(followRotations(known, [one])).toBe(known);
  expect(followRotations(known, [])).toBe(known);
});

test('whoever pinned a later key goes on from there, and back to none before it', () => {
  const whole = followRotations(from(second), [one, two]);
  expect(keysOf(whole)).toEqual([second, third].map(idOf));
  expect(codeOf(() => verifyReceiptInTime(late, whole.keys))).toBe('accepted');
  expect(codeOf(() => verifyReceiptInTime(early, whole.keys))).toBe('SIGNATURE_INVALID');
  expect(followRotations(from(third), [one, two]).rotations).toEqual([]);
});

const lies: readonly (readonly [string, readonly Evidence[], string])[] = [
  ['in another order', [two, one], 'SIGNATURE_INVALID'],
  ['with the first left out', [two], 'SIGNATURE_INVALID'],
  ['by a stranger, after a true one', [one, rotation({}, LATE, [stranger])], 'SIGNATURE_INVALID'],
  [
    'by the old key when its time was over',
    [
      one,
      rotation(
        {
          payload: { previous: vkey(second), log_key: vkey(third), from: '2026-12-01T00:00:00Z' },
          agreed: third,
        },
        LATE,
        [first],
      ),
    ],
    'SIGNATURE_INVALID',
  ],
  [
    'from a key that has been replaced',
    [
      one,
      rotation({
        payload: { previous: vkey(first), log_key: vkey(third) },
        agreed: third,
      }),
    ],
    'MALFORMED_ROTATION',
  ],
  [
    'whose new key should have signed already when it was logged',
    [rotation({ payload: { from: EARLY } })],
    'MALFORMED_ROTATION',
  ],
  ['that are no spans', [{ ...one, spanBytes: new TextEncoder().encode('no') }], 'ENTRY_MISMATCH'],
  ['that are other entries', [early], 'MALFORMED_ROTATION'],
];
test.each(lies)('rotations %s lead nowhere', (_, found, code) => {
  expect(codeOf(() => followRotations(from(first), found))).toBe(code);
});

test('a file of it proves itself again', () => {
  const whole = followRotations(from(first), [one, two]);
  const text = JSON.stringify(formatSuccession(whole));
  expect(parseSuccession(JSON.parse(text))).toEqual(whole);
  expect(keysOf(parseSuccession({ log_key: vkey(first), rotations: [] }))).toEqual([idOf(first)]);
});

test('the rotations alone are a file too, for whoever has the pin', () => {
  expect(parseRotations(JSON.parse(formatRotations([one, two])))).toEqual([one, two]);
  expect(formatRotations([])).toBe('{"rotations":[]}\n');
});

test('a file that was touched does not', () => {
  const stored = formatSuccession(followRotations(from(first), [one, two]));
  const [head, ...rest] = stored.rotations;
  const files: readonly (readonly [unknown, string])[] = [
    [{ ...stored, log_key: vkey(stranger) }, 'SIGNATURE_INVALID'],
    [{ ...stored, log_key: 'none' }, 'MALFORMED_KEY'],
    [{ ...stored, rotations: rest }, 'SIGNATURE_INVALID'],
    [{ ...stored, rotations: [{ ...head, span: { changed: true } }] }, 'ENTRY_MISMATCH'],
    [{ ...stored, rotations: [{ receipt: head?.receipt }] }, 'MALFORMED_SUCCESSION'],
    [{ ...stored, rotations: [{ span: head?.span }] }, 'MALFORMED_RECEIPT'],
    [{ ...stored, rotations: 'none' }, 'MALFORMED_SUCCESSION'],
    [{ rotations: [] }, 'MALFORMED_SUCCESSION'],
    [[null], 'MALFORMED_SUCCESSION'],
    [null, 'MALFORMED_SUCCESSION'],
  ];
  for (const [file, code] of files) expect(codeOf(() => parseSuccession(file))).toBe(code);
});

test('it says by which further keys the log itself has signed, and not which witnesses have', () => {
  const both = entry(stop, EARLY, [first, second]).receipt.merkle.split('\n\n').slice(1).join('\n\n');
  const cosigned = `${both}— witness.example AAAAAAA=\n`;
  expect(unknownKeyIds(cosigned, from(first).keys)).toEqual([idOf(second)]);
  expect(unknownKeyIds(cosigned, followRotations(from(first), [one]).keys)).toEqual([]);
  expect(codeOf(() => unknownKeyIds('no note', from(first).keys))).toBe('MALFORMED_NOTE');
});
