import { signerFromSeed } from '@logline/canon-sign';
import { emptyRoot, signCheckpoint } from '@logline/tlog';
import { expect, it } from 'vitest';
import { parseCosigned } from './cosigned.ts';

const signer = signerFromSeed('log', new Uint8Array(32).fill(1));
const note = (origin: string) =>
  signCheckpoint({ origin, size: 0n, root: emptyRoot() }, [{ name: origin, signer }]);
const bytes = (text: string) => new TextEncoder().encode(text);

it('takes the checkpoint of the tenant it came for', () => {
  const text = note('logs.test/acme');
  expect(parseCosigned('cosigned.acme', bytes(text))).toEqual({ tenant: 'acme', size: 0n, note: text });
});

it.each([
  ['nothing', ''],
  ['garbage', 'hello'],
  ['bytes that are no text', '\u0000'],
  ['a signed note that is no checkpoint', note('logs.test/acme').replace('\n0\n', '\nx\n')],
  ['the checkpoint of another tenant', note('logs.test/umbra')],
  ['the checkpoint of a tenant whose name ends alike', note('logs.test/an-acme')],
])('refuses %s', (_, text) => {
  expect(() => parseCosigned('cosigned.acme', bytes(text))).toThrow(
    expect.objectContaining({ code: 'BAD_COSIGNED' }),
  );
});
