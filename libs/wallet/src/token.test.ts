import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatApiToken, hashApiToken, parseApiToken } from './token.ts';

describe('an API token', () => {
  it('is read back as it was written, underscores in its secret included', () => {
    const tokenId = fc.stringMatching(/^[A-Za-z0-9.-]{1,64}$/);
    fc.assert(
      fc.property(tokenId, fc.uint8Array({ minLength: 32, maxLength: 32 }), (id, secret) => {
        const text = formatApiToken({ tokenId: id, secret });
        expect(text).toMatch(/^lltok_[^_]+_.{43}$/);
        expect(parseApiToken(text)).toEqual({ tokenId: id, secret });
      }),
    );
  });

  it('has one known text and hash', () => {
    const text = formatApiToken({ tokenId: 'cli', secret: new Uint8Array(32) });
    expect(text).toBe(`lltok_cli_${'A'.repeat(43)}`);
    expect(hashApiToken(text)).toMatchInlineSnapshot(
      `"blake3:8842fb1f5fcbdb54e99fa65c51b05ca553ef913cf43fc89645d1236b3a5ed670"`,
    );
  });

  it.each([
    '',
    'lltok_',
    'lltok_cli',
    `lltok__${'A'.repeat(43)}`,
    `lltok_a_b_${'A'.repeat(43)}`,
    `lltok_cli_${'A'.repeat(42)}`,
    `lltok_cli_${'A'.repeat(42)}B`,
    `LLTOK_cli_${'A'.repeat(43)}`,
    `lltok_cli_${'A'.repeat(43)}\n`,
  ])('is not %j', (text) => {
    expect(() => parseApiToken(text)).toThrow(
      expect.objectContaining({ name: 'WalletError', code: 'MALFORMED' }),
    );
  });

  it('does not repeat itself in an error', () => {
    expect(() => parseApiToken('lltok_cli_almost')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('almost') }),
    );
  });

  it('is not made of an id with an underscore or a secret of another length', () => {
    expect(() => formatApiToken({ tokenId: 'a_b', secret: new Uint8Array(32) })).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
    expect(() => formatApiToken({ tokenId: 'a', secret: new Uint8Array(16) })).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
  });
});
