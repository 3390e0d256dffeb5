import { formatBase64 } from '@logline/canon-sign';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, flipped, isLine, testSigner } from '../test/whole-tree.ts';
import {
  decodeNote,
  formatNote,
  formatVkey,
  parseNote,
  parseVkey,
  signNote,
  toVkey,
  verifyNote,
} from './note.ts';

const ours = { name: 'log.example/acme', signer: testSigner(1) };
const theirs = { name: 'witness.example', signer: testSigner(2) };
const vkey = toVkey(ours.name, ours.signer.publicKey);

const name = fc.stringMatching(/^[a-z0-9./é漢-]{1,20}$/);
const noteText = fc
  .array(fc.string({ unit: 'grapheme' }).filter(isLine), { minLength: 1, maxLength: 5 })
  .map((lines) => `${lines.join('\n')}\n`);

test('a key survives being formatted and parsed, and no part of it can be exchanged', () => {
  fc.assert(
    fc.property(
      name,
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.nat(255),
      (keyName, publicKey, bit) => {
        const text = formatVkey(keyName, publicKey);
        expect(parseVkey(text)).toEqual(toVkey(keyName, publicKey));
        const [, keyId = ''] = text.split('+');
        const forged = `${keyName}+${keyId}+${formatBase64(Uint8Array.of(1, ...flipped(publicKey, bit)))}`;
        expect(codeOf(() => parseVkey(forged))).toBe('MALFORMED_KEY');
      },
    ),
  );
});

test('refuses names and keys that cannot stand in a note', () => {
  for (const wrong of [
    '',
    ' ',
    'a b',
    'a+b',
    'a\nb',
    'a\u00a0b',
    'a\u2003b',
    'a\u0085b',
    'a\u0000b',
    '\ud800',
  ]) {
    expect([wrong, codeOf(() => formatVkey(wrong, vkey.publicKey))]).toEqual([wrong, 'MALFORMED_KEY']);
    expect([wrong, codeOf(() => signNote('text\n', [{ ...ours, name: wrong }]))]).toEqual([
      wrong,
      'MALFORMED_KEY',
    ]);
  }
  for (const length of [0, 31, 33]) {
    expect(codeOf(() => formatVkey('a', new Uint8Array(length)))).toBe('MALFORMED_KEY');
  }
});

test('what is signed verifies, with whatever text, and names who signed', () => {
  fc.assert(
    fc.property(noteText, (text) => {
      const note = signNote(text, [theirs, ours]);
      expect(verifyNote(note, [vkey])).toEqual({ text, signers: [vkey] });
      expect(formatNote(parseNote(note))).toBe(note);
      expect(decodeNote(new TextEncoder().encode(note))).toBe(note);
    }),
  );
});

test('no character of a signed note can be changed, added or left out', () => {
  const note = signNote('one\n\ntwo\n', [ours]);
  for (let at = 0; at < note.length; at++) {
    const changed = [
      note.slice(0, at) + String.fromCharCode(note.charCodeAt(at) ^ 1) + note.slice(at + 1),
      note.slice(0, at) + note.slice(at + 1),
      `${note.slice(0, at)}x${note.slice(at)}`,
      `${note.slice(0, at)}\n${note.slice(at)}`,
    ];
    for (const forged of changed) {
      if (forged === note) continue;
      expect([forged, codeOf(() => verifyNote(forged, [vkey]))]).toEqual([
        forged,
        expect.stringMatching(/^(MALFORMED_NOTE|UNKNOWN_KEY|SIGNATURE_INVALID)$/),
      ]);
    }
  }
});

test('anything at all is refused with a code', () => {
  const known = ['MALFORMED_NOTE', 'UNKNOWN_KEY', 'SIGNATURE_INVALID'];
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string().map((text) => `${text}\n\n— ${text}\n`),
      ),
      (garbage) => {
        expect(known).toContain(codeOf(() => verifyNote(garbage, [vkey])));
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array(), (garbage) => {
      expect(known).toContain(codeOf(() => verifyNote(decodeNote(garbage), [vkey])));
    }),
  );
});

test('signatures of types that nobody knows yet, in any order, do not stand in the way', () => {
  const line = signNote('text\n', [ours]).slice('text\n\n'.length);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, fc.uint8Array({ minLength: 5, maxLength: 5000 })), { maxLength: 20 }),
      fc.nat(),
      (grease, where) => {
        const lines = grease.map(([keyName, blob]) => `— ${keyName} ${formatBase64(blob)}\n`);
        const shuffled = lines.toSpliced(where % (lines.length + 1), 0, line);
        expect(verifyNote(`text\n\n${shuffled.join('')}`, [vkey]).signers).toEqual([vkey]);
      },
    ),
    { numRuns: 30 },
  );
});

test('two trusted keys with one name and id are both asked', () => {
  // no collision is needed to try it: an id says only whose signature a line is meant to be
  const collided = { ...toVkey(ours.name, theirs.signer.publicKey), keyId: vkey.keyId };
  const note = signNote('text\n', [ours]);
  expect(codeOf(() => verifyNote(note, [vkey, collided]))).toBe('SIGNATURE_INVALID');
});

test('refuses to write a note that could not be read back', () => {
  for (const text of ['', 'no newline', 'tab\t\n', 'cr\r\n', 'half a pair \ud800\n']) {
    expect(codeOf(() => signNote(text, [ours]))).toBe('MALFORMED_NOTE');
  }
  expect(codeOf(() => signNote('text\n', []))).toBe('MALFORMED_NOTE');
  const [signature] = parseNote(signNote('text\n', [ours])).signatures;
  if (signature === undefined) throw new Error('the note has no signature');
  const wrong = [
    { ...signature, name: 'a b' },
    { ...signature, keyId: '123' },
    { ...signature, keyId: '1234567G' },
    { ...signature, signature: new Uint8Array(0) },
  ];
  for (const one of wrong)
    expect(codeOf(() => formatNote({ text: 'text\n', signatures: [one] }))).toBe('MALFORMED_NOTE');
});

test('refuses a note of a size that nobody writes, before looking at it', () => {
  expect(codeOf(() => parseNote(`${'x'.repeat(1_000_001)}\n`))).toBe('MALFORMED_NOTE');
  expect(codeOf(() => decodeNote(new Uint8Array(1_000_001)))).toBe('MALFORMED_NOTE');
});
