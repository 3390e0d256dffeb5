import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, flipped, isLine, testSigner } from '../test/whole-tree.ts';
import { formatCheckpoint, parseCheckpoint, signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { signNote, toVkey } from './note.ts';
import { emptyRoot } from './tree.ts';

const key = { name: 'log.example/acme', signer: testSigner(1) };
const log = { origin: key.name, vkeys: [toVkey(key.name, key.signer.publicKey)] };

const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter(isLine);
const root = fc.uint8Array({ minLength: 32, maxLength: 32 });
const size = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });

test('a checkpoint survives being formatted, signed, verified and parsed', () => {
  fc.assert(
    fc.property(
      line,
      size,
      root,
      fc.array(line, { minLength: 1, maxLength: 3 }),
      (origin, leaves, hash, extensions) => {
        const plain = { origin, size: leaves, root: hash };
        expect(parseCheckpoint(formatCheckpoint(plain))).toEqual(plain);
        const extended = { ...plain, extensions };
        expect(verifyCheckpoint(signCheckpoint(extended, [key]), { ...log, origin })).toEqual(extended);
      },
    ),
  );
});

test('the same checkpoint signed twice is the same bytes', () => {
  const checkpoint = { origin: key.name, size: 0n, root: emptyRoot() };
  expect(signCheckpoint(checkpoint, [key])).toBe(signCheckpoint(checkpoint, [key]));
});

test('refuses to write a checkpoint that could not be read back', () => {
  const good = { origin: key.name, size: 7n, root: new Uint8Array(32) };
  const wrong = [
    { ...good, origin: '' },
    { ...good, origin: 'two\nlines' },
    { ...good, size: -1n },
    { ...good, size: 2n ** 63n },
    { ...good, size: 0n },
    { ...good, root: new Uint8Array(31) },
    { ...good, extensions: [''] },
    { ...good, extensions: ['two\nlines'] },
  ];
  for (const checkpoint of wrong)
    expect(codeOf(() => formatCheckpoint(checkpoint))).toBe('MALFORMED_CHECKPOINT');
  expect(codeOf(() => signCheckpoint({ ...good, origin: 'tab\t' }, [key]))).toBe('MALFORMED_NOTE');
});

test('refuses whatever is signed but no checkpoint', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 4 }), (lines) => {
      const code = codeOf(() => verifyCheckpoint(signNote(`${lines.join('\n')}\n`, [key]), log));
      expect(code).toBe('MALFORMED_CHECKPOINT');
    }),
  );
});

test('an origin is compared as a whole', () => {
  const note = signCheckpoint({ origin: key.name, size: 7n, root: flipped(emptyRoot(), 3) }, [key]);
  for (const origin of ['log.example/acme/', 'log.example', 'LOG.EXAMPLE/acme', 'xlog.example/acme', '']) {
    expect(codeOf(() => verifyCheckpoint(note, { ...log, origin }))).toBe('ORIGIN_MISMATCH');
  }
});
