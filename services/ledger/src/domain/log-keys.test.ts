import { expect, it } from 'vitest';
import type { Entry } from './entry.ts';
import { namedKeys } from './log-keys.ts';

function entryOf(intent: string, payload: Entry['payload']): Entry {
  return {
    this: 'urn:span:00000000-0000-7000-8000-000000000001',
    intent,
    subject: 'urn:tenant:acme',
    ts: '2026-01-01T00:00:00Z',
    prev: undefined,
    payload,
    bytes: new Uint8Array(0),
    hash: '',
  };
}
const birth = (log_key: unknown): Entry => entryOf('registry.tenant.created', { log_key });
const rotation = (previous: unknown, log_key: unknown, from: unknown): Entry =>
  entryOf('registry.log.rotated', { previous, log_key, from });
const FROM = '2026-01-02T00:00:00.000Z';
const LATER = '2026-01-03T00:00:00.000Z';

it('the keys of a log are that of its birth and those that rotations lead to, each from its time on', () => {
  const other = entryOf('deploy.stop', { log_key: 'x', previous: 'a', from: FROM });
  expect(namedKeys([birth('a')])).toEqual([{ key: 'a', fromMs: 0 }]);
  expect(namedKeys([birth('a'), other, rotation('a', 'b', FROM), rotation('b', 'c', LATER)])).toEqual([
    { key: 'a', fromMs: 0 },
    { key: 'b', fromMs: Date.parse(FROM) },
    { key: 'c', fromMs: Date.parse(LATER) },
  ]);
});

it('a rotation that does not follow leads nowhere, nor does a second birth', () => {
  for (const lie of [
    rotation('x', 'b', LATER),
    rotation('a', 'x', LATER),
    rotation('b', 'x', FROM),
    rotation('b', 'x', 'soon'),
    rotation('b', 7, LATER),
    birth('x'),
    birth(7),
  ])
    expect(namedKeys([birth('a'), rotation('a', 'b', FROM), lie])).toEqual([
      { key: 'a', fromMs: 0 },
      { key: 'b', fromMs: Date.parse(FROM) },
    ]);
  expect(namedKeys([rotation('a', 'b', FROM)])).toEqual([]);
  expect(namedKeys([])).toEqual([]);
});
