import { describe, expect, it } from 'vitest';
import { parseOperatorKeys } from './operator-keys.ts';

const pub = 'ab'.repeat(32);

describe('operator keys', () => {
  it('are a list of kids and public keys', () => {
    expect(parseOperatorKeys(`[{"kid":"op","pub":"${pub}"}]`)).toEqual([{ kid: 'op', pub }]);
  });

  it.each([
    '',
    '{}',
    '[]',
    '[1]',
    'null',
    `[{"kid":"op"}]`,
    `[{"kid":"op","pub":"${pub}","seed":"x"}]`,
    `[{"kid":"o p","pub":"${pub}"}]`,
    `[{"kid":"op","pub":"${pub.toUpperCase()}"}]`,
    `[{"kid":"op","kid":"op","pub":"${pub}"}]`,
  ])('are not %s', (text) => {
    expect(() => parseOperatorKeys(text)).toThrow(expect.objectContaining({ code: 'BAD_OPERATOR_KEYS' }));
  });
});
