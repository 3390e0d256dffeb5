import { readConfig } from '@logline/service';
import { startWorld, type World } from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LedgerConfig, PREFIX } from '../src/config.ts';
import { ledgerEnv } from './ledger-process.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld({ name: 'ledger-config' });
});
afterAll(async () => await world?.close());

describe('the configuration', () => {
  it('is read from the environment', () => {
    expect(readConfig(PREFIX, LedgerConfig, ledgerEnv(world))).toMatchObject({
      origin: 'logline.test',
      natsUser: 'ledger',
    });
  });

  it.each([
    ['an origin with a trailing slash', { ORIGIN: 'logline.test/' }],
    ['an origin with a scheme of capitals', { ORIGIN: 'HTTPS://x' }],
    ['no origin', { ORIGIN: '' }],
    ['a key file that is not there', { KEY_FILE: '/nowhere' }],
    ['a second key file that is not there', { NEXT_KEY_FILE: '/nowhere' }],
    ['a database URL in place of its file', { POSTGRES_URL_FILE: 'postgresql://x' }],
    ['a port that is none', { HTTP_PORT: 'seven' }],
    ['no partition', { PARTITIONS: '0' }],
    ['more partitions than there may be', { PARTITIONS: '257' }],
    ['partitions that are no number', { PARTITIONS: 'all' }],
    ['partitions to lead that are no numbers', { LEADS: '0-3' }],
    ['a key it does not know', { PARTITION: '3' }],
  ])('with %s is refused by name', (_, more) => {
    const env = {
      ...ledgerEnv(world),
      ...Object.fromEntries(Object.entries(more).map(([key, value]) => [`${PREFIX}_${key}`, value])),
    };
    expect(() => readConfig(PREFIX, LedgerConfig, env)).toThrowError(
      expect.objectContaining({ message: expect.stringContaining(`${PREFIX}_${Object.keys(more)[0]}`) }),
    );
  });
});
