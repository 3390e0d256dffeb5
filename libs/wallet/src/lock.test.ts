import { canonicalText, formatHex, publicKeyFromSeed, utf8 } from '@logline/canon-sign';
import { describe, expect, it } from 'vitest';
import { addKey, addToken, emptyWallet, type Wallet } from './document.ts';
import { LOCK_RANDOM_BYTES, lockWallet, unlockWallet } from './lock.ts';
import { formatApiToken } from './token.ts';

const seed = new Uint8Array(32).fill(3);
const token = formatApiToken({ tokenId: 'cli', secret: new Uint8Array(32).fill(5) });
const wallet: Wallet = addToken(
  addKey(emptyWallet(), {
    kid: 'kid_sign_1',
    seed: formatHex(seed),
    pub: formatHex(publicKeyFromSeed(seed)),
    created: '2026-11-23T00:00:00.000Z',
  }),
  'voulezvous',
  token,
);
const random = new Uint8Array(LOCK_RANDOM_BYTES).fill(1);
const passphrase = 'correct horse battery staple';
const locked = lockWallet(wallet, passphrase, random);
const text = new TextDecoder().decode(locked);

describe('a locked wallet', () => {
  it('opens with its passphrase', () => {
    expect(unlockWallet(locked, passphrase)).toEqual(wallet);
  });

  it('opens with the same passphrase typed on another keyboard', () => {
    const composed = lockWallet(wallet, 'senha-não-é', random);
    expect(unlockWallet(composed, 'senha-não-é'.normalize('NFD'))).toEqual(wallet);
  });

  it('shows neither seed nor token nor key id', () => {
    for (const secret of [formatHex(seed), token, 'kid_sign_1', 'voulezvous'])
      expect(text).not.toContain(secret);
  });

  it('says the same of a wrong passphrase and of any change to what it seals', () => {
    const wrong = errorOf(() => unlockWallet(locked, 'correct horse battery stapler'));
    const changed = [
      text.replace(/"ct":"(.)/, (_all, first: string) => `"ct":"${first === 'A' ? 'B' : 'A'}`),
      text.replace(/"nonce":"0101/, '"nonce":"0201'),
      text.replace(/"salt":"0101/, '"salt":"0201'),
      text.replace('"n":32768', '"n":65536'),
      text.replace('"p":1', '"p":2'),
    ];
    for (const other of changed) {
      expect(other).not.toBe(text);
      expect(errorOf(() => unlockWallet(utf8(other), passphrase))).toEqual(wrong);
    }
    expect(wrong).toEqual({ code: 'WRONG_PASSPHRASE', message: expect.stringContaining('passphrase') });
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'wallet'],
    ['another object', '{"type":"ll.wallet.v1"}'],
    ['more work than is reasonable', text.replace('"n":32768', '"n":1048576')],
    ['hardly any work', text.replace('"n":32768', '"n":1024')],
    ['an N that is no power of two', text.replace('"n":32768', '"n":40000')],
    ['a huge block size', text.replace('"r":8', '"r":1048576')],
    ['no lanes', text.replace('"p":1', '"p":0')],
    ['many lanes', text.replace('"p":1', '"p":64')],
    ['a short salt', text.replace(/"salt":"[0-9a-f]+"/, '"salt":"00"')],
    ['a field that is not known', text.replace('"aead"', '"hint":"dog","aead"')],
    ['a ciphertext that is not base64', text.replace(/"ct":"./, '"ct":"!')],
  ])('is not %s', (_what, bytes) => {
    expect(errorOf(() => unlockWallet(utf8(bytes), passphrase)).code).toBe('MALFORMED');
  });

  it('is not made with a short passphrase, or without fresh bytes', () => {
    expect(errorOf(() => lockWallet(wallet, 'short', random)).code).toBe('WEAK_PASSPHRASE');
    expect(errorOf(() => lockWallet(wallet, passphrase, new Uint8Array(24))).code).toBe('MALFORMED');
    expect(errorOf(() => lockWallet(wallet, passphrase, random, { n: 2 ** 14, r: 8, p: 1 })).code).toBe(
      'MALFORMED',
    );
  });

  it('is canonical JSON, and another with other random bytes', () => {
    expect(canonicalText(JSON.parse(text))).toBe(text);
    expect(lockWallet(wallet, passphrase, new Uint8Array(LOCK_RANDOM_BYTES).fill(2))).not.toEqual(locked);
  });
});

function errorOf(run: () => unknown): { code: unknown; message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}
