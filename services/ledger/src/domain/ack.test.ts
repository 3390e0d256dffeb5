import { Ack, checkerOf, type Receipt } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { toConflictAck, toFactAck, toFailureAck, toRefusalAck, type Refusal } from './ack.ts';

const TO = {
  this: 'urn:span:00000000-0000-7000-8000-000000000001',
  trace: 'f'.repeat(32),
  language: 'en' as const,
};
const RECEIPT: Receipt = {
  ts: '2026-01-01T00:00:00.000Z',
  hash: `blake3:${'0'.repeat(64)}`,
  signature: `${'A'.repeat(85)}Q==`,
  merkle: 'c2sp.org/tlog-proof@v1\n',
  this: TO.this,
  log: 'logs.test/acme',
  index: 3,
};
const REFUSALS: Record<Refusal['kind'], readonly [Refusal, string]> = {
  nonce_reused: [{ kind: 'nonce_reused' }, '409_NONCE_REUSED'],
  moved: [{ kind: 'moved', head: TO.this }, '409_PREV_CONFLICT'],
  starved: [{ kind: 'starved' }, '503_UNAVAILABLE'],
  late: [{ kind: 'late' }, '503_UNAVAILABLE'],
  no_such_log: [{ kind: 'no_such_log' }, '404_NOT_FOUND'],
  misnamed: [
    { kind: 'misnamed', expected: { origin: 'logs.test/acme', logKey: 'vkey' } },
    '422_SCHEMA_INVALID',
  ],
  untimely: [{ kind: 'untimely', why: 'another rotation is under way' }, '422_SCHEMA_INVALID'],
  keyless: [{ kind: 'keyless', key: 'vkey' }, '503_UNAVAILABLE'],
};
const checker = checkerOf(Ack);

describe('an ack', () => {
  it.each(Object.entries(REFUSALS))(
    'of a span that is %s has its canonical code, by contract',
    (_, [refusal, code]) => {
      const ack = toRefusalAck(TO, refusal);
      expect(checker.faults(ack)).toEqual([]);
      expect(ack).toMatchObject({
        status: 'invalid',
        code,
        http_status: Number(code.slice(0, 3)),
        trace_id: TO.trace,
        this: TO.this,
      });
    },
  );

  it.each(Object.entries(REFUSALS))(
    'of a span that is %s speaks Portuguese to who reads it',
    (_, [refusal]) => {
      const [english, portuguese] = [
        toRefusalAck(TO, refusal),
        toRefusalAck({ ...TO, language: 'pt-BR' }, refusal),
      ];
      if (english.status === 'ok' || portuguese.status === 'ok') throw new Error('a refusal that is ok');
      expect(portuguese.suggested_reply).not.toBe(english.suggested_reply);
      expect(portuguese.code).toBe(english.code);
    },
  );

  it('of a conflict shows the earlier receipt', () => {
    const ack = toConflictAck(TO, { kind: 'payload_mismatch', index: 3 }, RECEIPT);
    expect(checker.faults(ack)).toEqual([]);
    expect(ack).toMatchObject({
      code: '409_IDEMPOTENCY_CONFLICT',
      reason: 'payload_mismatch',
      receipt: RECEIPT,
    });
  });

  it('of a fact has its receipt, and the verdict beside it', () => {
    const verdict = {
      this: 'urn:span:00000000-0000-7000-8000-000000000002',
      intent: 'minicontainer.applied',
      payload: { ok: true },
    };
    const ack = toFactAck(TO, { receipt: RECEIPT, verdict }, true);
    expect(checker.faults(ack)).toEqual([]);
    expect(ack).toEqual({
      status: 'ok',
      this: TO.this,
      trace_id: TO.trace,
      receipt: RECEIPT,
      verdict,
      replayed: true,
    });
  });

  it('of a logged denial is a no with the receipt, every reason a detail', () => {
    const verdict = {
      this: TO.this,
      intent: 'wallet.proof.verified',
      payload: { decision: 'deny', reasons: ['expired', 'spent'] },
    };
    const ack = toFactAck(TO, { receipt: RECEIPT, verdict }, false);
    expect(checker.faults(ack)).toEqual([]);
    expect(ack).toMatchObject({
      status: 'invalid',
      code: '403_FORBIDDEN',
      receipt: RECEIPT,
      errors: ['expired', 'spent'],
    });
    const refused = toFactAck(
      TO,
      { receipt: RECEIPT, verdict: { ...verdict, payload: { ok: false, why: 'slot' } } },
      false,
    );
    expect(refused).toMatchObject({ status: 'invalid', errors: ['slot'] });
  });

  it('of a span that could not even be read names none', () => {
    const ack = toFailureAck({ trace: TO.trace, language: 'en' }, '500_INTERNAL');
    expect(checker.faults(ack)).toEqual([]);
    expect(ack).not.toHaveProperty('this');
  });
});
