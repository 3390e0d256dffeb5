import type { FactPlace, Span } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import type { Fact } from './fact.ts';
import { emptySubject, evolveSubject } from './subject.ts';

const HASH = `blake3:${'ab'.repeat(32)}`;
const ID = 'urn:span:019ab111-6800-7000-8000-000000000001';
const place: FactPlace = {
  tenant: 'acme',
  log: 'logline.test/acme',
  index: 7,
  leaf: 'ab'.repeat(32),
  timeMs: 0,
  receiptSignature: 'x',
  trace: '0'.repeat(32),
};

function fact(
  subject: string,
  intent: string,
  payload: Record<string, unknown>,
  isClient: boolean = false,
): Fact {
  const span: Span = {
    schema_version: '1.1.0',
    entity_type: 'function',
    this: ID,
    did: { actor: 'root', action: 'append' },
    intent,
    subject,
    payload,
    ts: '2026-11-23T12:00:00.000Z',
    signature: { kid: 'root', alg: 'ed25519-blake3', sig: `${'A'.repeat(85)}A==` },
  };
  return { span, bytes: new Uint8Array(), place, isClient };
}

describe('the view of a subject', () => {
  it.each([
    ['urn:minicontainer:acme/web', 'container'],
    ['urn:tenant:acme', 'tenant'],
    ['urn:person:acme/ana', 'person'],
  ])('begins by its kind: %s is a %s', (subject, kind) => {
    expect(emptySubject(subject)).toMatchObject({ subject, head: null, index: -1, state: { kind } });
  });

  it('remembers the index of the last fact, and as head the last span a client signed', () => {
    const subject = 'urn:minicontainer:acme/web';
    const asked = evolveSubject(emptySubject(subject), fact(subject, 'deploy.stop', {}, true));
    expect(asked).toMatchObject({ head: ID, index: 7 });
    const later = { ...fact(subject, 'deploy.planned', {}), place: { ...place, index: 8 } };
    expect(evolveSubject(asked, later)).toMatchObject({ head: ID, index: 8 });
  });

  it('takes in what is said about it', () => {
    const subject = 'urn:minicontainer:acme/web';
    const ref = `mc:acme/web@${HASH}`;
    const applied = fact(subject, 'minicontainer.applied', { cause: ID, ok: true, ref });
    expect(evolveSubject(emptySubject(subject), applied).state).toMatchObject({ view: { ref, refs: [ref] } });
  });

  it.each([
    ['an intent nobody knows yet', 'supply.verified', {}],
    ['a payload that is not that of its intent', 'minicontainer.applied', { ok: 'yes' }],
    ['an intent about another kind of subject', 'registry.key.revoke', { kid: 'root', reason: 'rotated' }],
  ])('is left as it is by %s', (_, intent, payload) => {
    const before = emptySubject('urn:minicontainer:acme/web');
    expect(evolveSubject(before, fact(before.subject, intent, payload)).state).toEqual(before.state);
    const person = emptySubject('urn:person:acme/ana');
    expect(evolveSubject(person, fact(person.subject, intent, payload)).state).toEqual(person.state);
  });
});
