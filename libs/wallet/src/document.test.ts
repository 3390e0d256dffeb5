import { describe, expect, it } from 'vitest';
import {
  addContentKey,
  addKey,
  addToken,
  dropToken,
  emptyWallet,
  findContentKey,
  findKey,
  findPin,
  findToken,
  parseWallet,
  pinTenant,
  setCheckpoint,
  unpinTenant,
} from './document.ts';
import { formatApiToken } from './token.ts';

const hex = (digit: string) => digit.repeat(64);
const created = '2026-11-23T00:00:00.000Z';
const key = (kid: string, pub = hex('a')) => ({ kid, seed: hex('b'), pub, created });
const pin = {
  tenant: 'voulezvous',
  root: { kid: 'root', pub: hex('c') },
  log_key: 'logline.local/voulezvous+0a0b0c0d+AA==',
};
const content = (artifact_hash: string, digit: string) => ({
  tenant: 'voulezvous',
  artifact_id: 'db',
  artifact_hash,
  key: hex(digit),
  created,
});

describe('a wallet', () => {
  it('finds the first key, or the one asked for', () => {
    const wallet = addKey(addKey(emptyWallet(), key('one')), key('two', hex('d')));
    expect(findKey(wallet).kid).toBe('one');
    expect(findKey(wallet, 'two').pub).toBe(hex('d'));
    expect(() => findKey(wallet, 'three')).toThrow(expect.objectContaining({ code: 'KEY_MISSING' }));
    expect(() => findKey(emptyWallet())).toThrow(expect.objectContaining({ code: 'KEY_MISSING' }));
  });

  it('takes the same key twice, and no other key under its name', () => {
    const wallet = addKey(emptyWallet(), key('one'));
    expect(addKey(wallet, key('one'))).toBe(wallet);
    expect(() => addKey(wallet, key('one', hex('d')))).toThrow(
      expect.objectContaining({ code: 'KEY_EXISTS' }),
    );
  });

  it('keeps one token an id, gives the first, and drops one that ended', () => {
    const text = (tokenId: string, fill: number) =>
      formatApiToken({ tokenId, secret: new Uint8Array(32).fill(fill) });
    let wallet = addToken(emptyWallet(), 'voulezvous', text('cli', 1));
    wallet = addToken(wallet, 'voulezvous', text('ci', 2));
    wallet = addToken(wallet, 'voulezvous', text('cli', 3));
    expect(wallet.tokens).toHaveLength(2);
    expect(findToken(wallet, 'voulezvous')?.token).toBe(text('cli', 3));
    expect(findToken(wallet, 'voulezvous', 'ci')?.token).toBe(text('ci', 2));
    expect(findToken(wallet, 'other')).toBeNull();
    expect(findToken(dropToken(wallet, 'voulezvous', 'cli'), 'voulezvous')?.token_id).toBe('ci');
    expect(() => addToken(wallet, 'voulezvous', 'not a token')).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
  });

  it('never lets a pinned root or log key be replaced', () => {
    const wallet = pinTenant(emptyWallet(), pin);
    expect(pinTenant(wallet, pin)).toBe(wallet);
    expect(() => pinTenant(wallet, { ...pin, log_key: 'logline.local/voulezvous+0a0b0c0d+BB==' })).toThrow(
      expect.objectContaining({ code: 'PIN_CONFLICT' }),
    );
    expect(() => pinTenant(wallet, { ...pin, root: { kid: 'root', pub: hex('e') } })).toThrow(
      expect.objectContaining({ code: 'PIN_CONFLICT' }),
    );
  });

  it('forgets a pin that turned out to be none', () => {
    expect(findPin(unpinTenant(pinTenant(emptyWallet(), pin), 'voulezvous'), 'voulezvous')).toBeNull();
  });

  it('moves a checkpoint and keeps the pin', () => {
    const wallet = setCheckpoint(pinTenant(emptyWallet(), pin), 'voulezvous', 'newest');
    expect(findPin(wallet, 'voulezvous')).toEqual({ ...pin, checkpoint: 'newest' });
    expect(findPin(pinTenant(wallet, pin), 'voulezvous')?.checkpoint).toBe('newest');
    expect(findPin(wallet, 'other')).toBeNull();
  });

  it('keeps the content keys of earlier sealings, so that their grants can be wrapped again', () => {
    const first = `blake3:${hex('1')}`;
    const second = `blake3:${hex('2')}`;
    let wallet = addContentKey(emptyWallet(), content(first, '1'));
    wallet = addContentKey(wallet, content(second, '2'));
    wallet = addContentKey(wallet, content(second, '2'));
    expect(wallet.vault).toHaveLength(2);
    expect(findContentKey(wallet, 'voulezvous', 'db')?.key).toBe(hex('2'));
    expect(findContentKey(wallet, 'voulezvous', 'db', first)?.key).toBe(hex('1'));
    expect(findContentKey(wallet, 'voulezvous', 'cache')).toBeNull();
  });

  it('is read back from JSON, and nothing else is', () => {
    const wallet = addContentKey(
      pinTenant(addKey(emptyWallet(), key('one')), pin),
      content(`blake3:${hex('1')}`, '1'),
    );
    expect(parseWallet(JSON.parse(JSON.stringify(wallet)))).toEqual(wallet);
    for (const other of [
      null,
      [],
      {},
      { ...wallet, type: 'll.wallet.v2' },
      { ...wallet, keys: [{ kid: 'x' }] },
      { ...wallet, extra: 1 },
    ]) {
      expect(() => parseWallet(JSON.parse(JSON.stringify(other)))).toThrow(
        expect.objectContaining({ code: 'MALFORMED' }),
      );
    }
  });
});
