import { formatHex, parseHex, signerFromSeed, utf8 } from '@logline/canon-sign';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf, flipped, isLine, readVectors, testSigner } from '../test/whole-tree.ts';
import { cosign, cosignaturesOf, formatCosignerKey, parseCosignerKey, toCosignerKey } from './cosignature.ts';
import { formatNote, parseNote, parseSignatureLines, signNote, toVkey, verifyNote } from './note.ts';

const log = { name: 'log.example/acme', signer: testSigner(1) };
const witness = { name: 'witness.example/w1', signer: testSigner(4) };
const cosigner = toCosignerKey(witness.name, witness.signer.publicKey);

const noteText = fc
  .array(fc.string({ unit: 'grapheme' }).filter(isLine), { minLength: 1, maxLength: 5 })
  .map((lines) => `${lines.join('\n')}\n`);

test('what is cosigned verifies, with whatever text and time, and says when', () => {
  fc.assert(
    fc.property(noteText, fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (text, seconds) => {
      const signed = parseNote(signNote(text, [log]));
      const note = formatNote({ text, signatures: [...signed.signatures, cosign(text, witness, seconds)] });
      expect(cosignaturesOf(note, [cosigner])).toMatchObject([{ cosigner, seconds }]);
      // whoever only knows the log reads past it
      expect(verifyNote(note, [toVkey(log.name, log.signer.publicKey)]).text).toBe(text);
    }),
  );
});

test('no bit of a cosignature can be changed', () => {
  const text = 'log.example/acme\n1\n';
  const line = cosign(text, witness, 1_790_000_000n);
  for (let bit = 0; bit < line.signature.length * 8; bit++) {
    const forged = { ...line, signature: flipped(line.signature, bit) };
    const note = formatNote({ text, signatures: [forged] });
    expect(codeOf(() => cosignaturesOf(note, [cosigner]))).toBe('SIGNATURE_INVALID');
  }
});

test('refuses to cosign at a time that cannot be written', () => {
  for (const seconds of [-1n, 2n ** 63n, 2n ** 64n])
    expect(codeOf(() => cosign('text\n', witness, seconds))).toBe('OUT_OF_RANGE');
});

test('the message is that of the spec', () => {
  let message: Uint8Array = new Uint8Array(0);
  const spy = { ...witness.signer, sign: (bytes: Uint8Array) => ((message = bytes), new Uint8Array(64)) };
  cosign('log.example/acme\n7\nroot\n', { name: witness.name, signer: spy }, 12n);
  expect(formatHex(message)).toBe(formatHex(utf8('cosignature/v1\ntime 12\nlog.example/acme\n7\nroot\n')));
});

test('signature lines are read without the note they belong under, and nothing else is', () => {
  const text = 'text\n';
  const lines = formatNote({ text, signatures: [cosign(text, witness, 1n), cosign(text, witness, 2n)] });
  expect(parseSignatureLines(lines.slice(text.length + 1))).toHaveLength(2);
  for (const garbage of ['', '\n', 'hello\n', `\n${lines}`, lines, lines.slice(6, -1), `— a b\n\n— a b\n`])
    expect(codeOf(() => parseSignatureLines(garbage))).toBe('MALFORMED_NOTE');
});

describe('the vectors', () => {
  const { keys, cases } = readVectors<{
    keys: { name: string; vkey: string; seed?: string; key_name?: string; code?: string }[];
    cases: {
      name: string;
      note: string;
      cosigners: string[];
      by?: { vkey: string; seconds: string }[];
      code?: string;
    }[];
  }>('cosignatures.json');

  test.each(keys)('key: $name', ({ vkey, seed, key_name, code }) => {
    expect(codeOf(() => parseCosignerKey(vkey))).toBe(code ?? 'accepted');
    if (code !== undefined) return;
    const { name, cosignerKey } = parseCosignerKey(vkey);
    expect(formatCosignerKey(name, cosignerKey)).toBe(vkey);
    if (seed !== undefined)
      expect(formatCosignerKey(key_name ?? '', signerFromSeed('k', parseHex(seed)).publicKey)).toBe(vkey);
  });

  test.each(cases)('$name', ({ note, cosigners, by, code }) => {
    const read = () => cosignaturesOf(note, cosigners.map(parseCosignerKey));
    expect(codeOf(read)).toBe(code ?? 'accepted');
    if (code !== undefined) return;
    expect(
      read().map(({ cosigner: one, seconds }) => ({
        vkey: formatCosignerKey(one.name, one.cosignerKey),
        seconds: `${seconds}`,
      })),
    ).toEqual(by);
  });
});
