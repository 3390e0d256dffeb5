import { formatHex, parseHex, utf8 } from '@logline/canon-sign';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashArtifact, openArtifact, sealArtifact } from './seal.ts';

const shared = process.env['LOGLINE_SHARED'] ?? join(import.meta.dirname, '../../../../shared');
const wycheproof = join(shared, 'vectors/wycheproof-xchacha20-poly1305.json');

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const contentKey = new Uint8Array(32).fill(7);
const nonce = new Uint8Array(24).fill(9);
const place = { tenant: 'voulezvous', artifactId: 'secret_db_url' };

describe('a sealed artifact', () => {
  it('opens to what was sealed, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), bytes(32), bytes(24), (plaintext, key, iv) => {
        const sealed = sealArtifact({ ...place, plaintext, contentKey: key, nonce: iv });
        expect(sealed.length).toBe(24 + plaintext.length + 16);
        expect(sealed.subarray(0, 24)).toEqual(iv);
        expect(openArtifact({ ...place, sealed, contentKey: key })).toEqual(plaintext);
      }),
    );
  });

  it('does not open when any bit was changed, or cut anywhere', () => {
    const sealed = sealArtifact({
      ...place,
      plaintext: utf8('postgres://app:hunter2@db/app'),
      contentKey,
      nonce,
    });
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(() => openArtifact({ ...place, sealed: changed, contentKey })).toThrow(
        expect.objectContaining({ code: 'ARTIFACT_UNREADABLE' }),
      );
      expect(() => openArtifact({ ...place, sealed: sealed.subarray(0, at), contentKey })).toThrow(
        expect.objectContaining({ code: 'ARTIFACT_UNREADABLE' }),
      );
    }
  });

  it.each([
    ['another tenant', { tenant: 'other', artifactId: 'secret_db_url', contentKey }],
    ['another artifact', { tenant: 'voulezvous', artifactId: 'secret_db', contentKey }],
    ['another key', { ...place, contentKey: new Uint8Array(32) }],
  ])('does not open for %s', (_who, use) => {
    const sealed = sealArtifact({ ...place, plaintext: utf8('x'), contentKey, nonce });
    expect(() => openArtifact({ ...use, sealed })).toThrow(
      expect.objectContaining({ code: 'ARTIFACT_UNREADABLE' }),
    );
  });

  it('refuses keys and nonces of another length', () => {
    const plaintext = utf8('x');
    expect(() => sealArtifact({ ...place, plaintext, contentKey: new Uint8Array(31), nonce })).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
    expect(() => sealArtifact({ ...place, plaintext, contentKey, nonce: new Uint8Array(12) })).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
    expect(() =>
      openArtifact({ ...place, sealed: new Uint8Array(64), contentKey: new Uint8Array(33) }),
    ).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  it('is named by the hash of its ciphertext', () => {
    expect(hashArtifact(sealArtifact({ ...place, plaintext: utf8('x'), contentKey, nonce }))).toMatch(
      /^blake3:[0-9a-f]{64}$/,
    );
  });
});

type AeadTest = {
  tcId: number;
  key: string;
  iv: string;
  aad: string;
  msg: string;
  ct: string;
  tag: string;
  result: 'valid' | 'invalid';
};
type AeadFile = {
  numberOfTests: number;
  testGroups: { ivSize: number; keySize: number; tests: AeadTest[] }[];
};

it('XChaCha20-Poly1305 gives the verdict of all 315 Wycheproof cases', ({ skip }) => {
  if (!existsSync(wycheproof)) return skip(`no Wycheproof vectors at ${wycheproof}`);
  const file = JSON.parse(readFileSync(wycheproof, 'utf8')) as AeadFile; // a published file of known form
  const cases = file.testGroups.flatMap(({ tests }) => tests);
  const wrong = cases.filter((test) => {
    const cipher = () => xchacha20poly1305(parseHex(test.key), parseHex(test.iv), parseHex(test.aad));
    const sealed = test.ct + test.tag;
    try {
      const isRead = formatHex(cipher().decrypt(parseHex(sealed))) === test.msg;
      const isWritten = formatHex(cipher().encrypt(parseHex(test.msg))) === sealed;
      return !(isRead && isWritten && test.result === 'valid');
    } catch {
      return test.result === 'valid';
    }
  });
  expect(wrong).toEqual([]);
  expect(cases.length).toBe(315);
});
