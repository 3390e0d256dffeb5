import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatRef,
  formatSubject,
  formatTarget,
  isName,
  matchesAudience,
  matchesTarget,
  parseRef,
  parseShortRef,
  parseSubject,
  parseTarget,
  RESERVED_NAMES,
} from './names.ts';
import { INTENTS } from './intents.ts';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/).filter((text) => isName(text));
const hex64 = fc.stringMatching(/^[0-9a-f]{64}$/);

describe('subjects', () => {
  it('come back from their text', () => {
    fc.assert(
      fc.property(name, name, (tenant, container) => {
        const urn = `urn:minicontainer:${tenant}/${container}`;
        expect(formatSubject(parseSubject(urn))).toBe(urn);
      }),
    );
    expect(parseSubject('urn:tenant:acme')).toEqual({ kind: 'tenant', tenant: 'acme' });
    expect(parseSubject('urn:person:acme/Ab.9_-')).toEqual({
      kind: 'person',
      tenant: 'acme',
      name: 'Ab.9_-',
    });
  });

  it.each([
    '',
    'urn',
    'urn:tenant:',
    'urn:tenant:Acme',
    'urn:tenant:acme/x',
    'urn:minicontainer:acme',
    'urn:minicontainer:acme/',
    'urn:minicontainer:/web',
    'urn:minicontainer:acme/web/x',
    'urn:minicontainer:acme/we b',
    'urn:minicontainer:acme/web:x',
    'urn:minicontainer:acme/-web',
    'urn:minicontainer:acme/verified',
    'urn:tenant:apply',
    'urn:person:acme/ü',
    'urn:function:acme/web',
  ])('refuses %j', (urn) => {
    expect(() => parseSubject(urn)).toThrowError(expect.objectContaining({ code: 'BAD_SUBJECT' }));
  });

  it('never throw anything but their own error on arbitrary text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseSubject(text);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ContractError' });
        }
      }),
    );
  });
});

it('every token of every intent is a reserved name', () => {
  const tokens = Object.keys(INTENTS).flatMap((intent) => intent.split(/[._]/));
  expect(tokens.filter((token) => !RESERVED_NAMES.has(token))).toEqual([]);
});

describe('refs', () => {
  it('come back from their text', () => {
    fc.assert(
      fc.property(name, name, hex64, (tenant, container, hex) => {
        const ref = `mc:${tenant}/${container}@blake3:${hex}`;
        expect(formatRef(parseRef(ref))).toBe(ref);
        expect(parseShortRef(ref)).toEqual({ tenant, name: container, hexPrefix: hex });
      }),
    );
  });

  it('a short one is for people: recognised as such, refused where a full one is due', () => {
    expect(parseShortRef('mc:acme/web')).toEqual({ tenant: 'acme', name: 'web', hexPrefix: '' });
    expect(parseShortRef('mc:acme/web@blake3:abcd')).toEqual({
      tenant: 'acme',
      name: 'web',
      hexPrefix: 'abcd',
    });
    expect(parseShortRef('mc:acme/web@blake3:abc')).toBeNull();
    expect(() => parseRef('mc:acme/web@blake3:abcd')).toThrowError(
      expect.objectContaining({ code: 'BAD_REF' }),
    );
  });
});

describe('targets', () => {
  it('are read as people write them', () => {
    expect(parseTarget('docker')).toEqual({ provider: 'docker' });
    expect(parseTarget('railway:proj=rw1,svc=web')).toEqual({
      provider: 'railway',
      project_id: 'rw1',
      service: 'web',
    });
    expect(formatTarget(parseTarget('railway:svc=web,proj=rw1'))).toBe('railway:proj=rw1,svc=web');
  });

  it.each(
    ['', ':', 'docker:', 'docker:x', 'docker:proj', 'docker:proj=', 'a:b:c', 'docker:color=red'].slice(3),
  )('refuses %j', (text) => {
    expect(() => parseTarget(text)).toThrowError(expect.objectContaining({ code: 'BAD_TARGET' }));
  });

  it('match an entry when every field the entry gives is equal', () => {
    const target = { provider: 'railway', project_id: 'rw1', service: 'web' };
    expect(matchesTarget(target, { provider: 'railway' })).toBe(true);
    expect(matchesTarget(target, { provider: 'railway', service: 'web' })).toBe(true);
    expect(matchesTarget(target, { provider: 'railway', service: 'db' })).toBe(false);
    expect(matchesTarget({ provider: 'docker' }, { provider: 'docker', service: 'web' })).toBe(false);
  });

  it('match an audience by provider, or by provider, project and service together', () => {
    const target = { provider: 'railway', project_id: 'rw1', service: 'web' };
    expect(matchesAudience(target, 'railway')).toBe(true);
    expect(matchesAudience(target, 'railway:rw1/web')).toBe(true);
    expect(matchesAudience(target, 'railway:rw1/db')).toBe(false);
    expect(matchesAudience({ provider: 'docker' }, 'dock')).toBe(false);
  });
});
