import { describe, expect, it } from 'vitest';
import { parseFactHeaders, toFactHeaders, type FactPlace } from './fact.ts';
import { INTENTS } from './intents.ts';
import { factSubject, intentTokens, storedFactSubject, submitReport } from './subjects.ts';

describe('fact subjects', () => {
  it('have always four tokens: the last dot stays, earlier ones become an underscore', () => {
    expect(factSubject('wallet.proof.verified', 'urn:minicontainer:acme/web')).toBe(
      'wallet_proof.verified.acme.web',
    );
    expect(factSubject('run_state.running', 'urn:minicontainer:acme/web')).toBe('run_state.running.acme.web');
    expect(factSubject('registry.key.add', 'urn:tenant:acme')).toBe('registry_key.add.acme._');
    for (const intent of Object.keys(INTENTS)) {
      expect(storedFactSubject(intent, 'urn:minicontainer:acme/web').split('.')).toHaveLength(5);
      expect(intentTokens(intent).split('.')).toHaveLength(2);
    }
  });

  it('an id that is no NATS token is replaced by the hex of its hash', () => {
    expect(factSubject('registry.key.add', 'urn:person:acme/a.b').split('.')).toHaveLength(4);
    expect(submitReport('acme', 'host.1')).toMatch(/^submit\.report\.acme\.[0-9a-f]{64}$/);
  });
});

describe('fact headers', () => {
  const place: FactPlace = {
    tenant: 'acme',
    log: 'logline.local/acme',
    index: 7,
    leaf: 'ab'.repeat(32),
    timeMs: 1_700_000_000_123,
    receiptSignature: 'sig',
    checkpoint: 'logline.local/acme\n8\nroot\n\n— logline.local/acme sig\n',
    trace: 'cd'.repeat(16),
  };
  const span = { this: 'urn:span:x', intent: 'a.b', subject: 'urn:tenant:acme', ts: '2026-01-01T00:00:00Z' };

  it('come back, checkpoint and its em dash included', () => {
    const headers = new Map(toFactHeaders(span, place));
    expect(parseFactHeaders((name) => headers.get(name))).toEqual(place);
    expect([...headers.values()].every((value) => /^[\x20-\x7e]*$/.test(value))).toBe(true);
  });

  it.each(['Logline-Index', 'Logline-Time', 'Logline-Leaf', 'Logline-Tenant'])(
    'refuses a fact without %s',
    (missing) => {
      const headers = new Map(toFactHeaders(span, place));
      headers.delete(missing);
      expect(() => parseFactHeaders((name) => headers.get(name))).toThrowError(
        expect.objectContaining({ code: 'BAD_HEADERS' }),
      );
    },
  );
});
