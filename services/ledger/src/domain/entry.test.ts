import { describe, expect, it } from 'vitest';
import { parseEntry, parseWaiting } from './entry.ts';

const ID = 'urn:span:00000000-0000-7000-8000-000000000001';
const GOOD = {
  this: ID,
  intent: 'deploy.stop',
  subject: 'urn:minicontainer:acme/web',
  ts: '2026-01-01T00:00:00Z',
};
const bytesOf = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

describe('an entry', () => {
  it('is read as far as the ledger needs', () => {
    expect(parseEntry(bytesOf({ ...GOOD, prev: ID }), 'acme')).toMatchObject({
      ...GOOD,
      prev: ID,
      payload: {},
    });
  });

  it('is held without a payload while it waits, but for the keys of its log', () => {
    const payload = { origin: 'logs.test/acme', log_key: 'vkey' };
    for (const intent of ['registry.tenant.created', 'registry.log.rotated']) {
      const bytes = bytesOf({ ...GOOD, intent, payload });
      expect(parseWaiting(bytes, 'acme')).toEqual(parseEntry(bytes, 'acme'));
      expect(parseWaiting(bytes, 'acme').payload).toEqual(payload);
    }
    const bytes = bytesOf({ ...GOOD, payload });
    expect(parseEntry(bytes, 'acme').payload).toEqual(payload);
    expect(parseWaiting(bytes, 'acme')).toEqual({ ...parseEntry(bytes, 'acme'), payload: {} });
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['null', 'null'],
    ['no id', { ...GOOD, this: 1 }],
    ['an id that is no uuid', { ...GOOD, this: 'urn:span:x' }],
    ['no intent', { ...GOOD, intent: 'Deploy' }],
    ['no subject', { ...GOOD, subject: undefined }],
    ['a malformed subject', { ...GOOD, subject: 'urn:minicontainer:acme' }],
    ["another tenant's subject", { ...GOOD, subject: 'urn:minicontainer:umbra/web' }],
    ['no time', { ...GOOD, ts: 7 }],
    ['a prev that is no id', { ...GOOD, prev: 'x' }],
  ])('is refused with %s', (_, value) => {
    expect(() => parseEntry(bytesOf(value), 'acme')).toThrowError(
      expect.objectContaining({ code: 'BAD_ENTRY' }),
    );
  });

  it('is refused in bytes that are no UTF-8', () => {
    expect(() => parseEntry(new Uint8Array([0x22, 0xff, 0x22]), 'acme')).toThrowError(
      expect.objectContaining({ code: 'BAD_ENTRY' }),
    );
  });
});
