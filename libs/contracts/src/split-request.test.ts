import { describe, expect, it } from 'vitest';
import { formatEnvelope, MAX_ENVELOPE_BYTES, parseAcceptEnvelope, type AcceptRequest } from './envelope.ts';
import { splitRequest } from './split-request.ts';

const request = (spans: AcceptRequest['spans']): AcceptRequest => ({
  trace: '0'.repeat(32),
  reply: '_INBOX.gateway.x',
  tenant: 'acme',
  language: 'en',
  caller: { kind: 'operator' },
  submitted_ms: 1,
  deadline_ms: 2,
  attempt: 0,
  spans,
});
const judged = (position: number, length: number, verdictLength: number): AcceptRequest['spans'][number] => ({
  position,
  length,
  verdict_length: verdictLength,
  role: 'client',
  reads: { tenant: 1 },
  writes: [],
});

describe('splitting a judged request', () => {
  it('leaves a small one whole', () => {
    const whole = request([judged(0, 3, 2)]);
    expect(splitRequest(whole, [new Uint8Array(3), new Uint8Array(2)])).toMatchObject([{ request: whole }]);
  });

  it('makes parts that fit, in order, each span with its verdict', () => {
    const spans = Array.from({ length: 40 }, (_, i) => judged(i, 60_000, i % 2 === 0 ? 5_000 : 0));
    const bodies = spans.flatMap(({ length, verdict_length: verdict }, i) => [
      new Uint8Array(length).fill(i),
      ...(verdict > 0 ? [new Uint8Array(verdict).fill(i)] : []),
    ]);
    const parts = splitRequest(request(spans), bodies);
    expect(parts.length).toBeGreaterThan(4);
    for (const part of parts) {
      const bytes = formatEnvelope({ v: 1, requests: [part.request] }, part.bodies);
      expect(bytes.length).toBeLessThanOrEqual(MAX_ENVELOPE_BYTES);
      const owners = part.request.spans.flatMap((span) =>
        Array.from({ length: span.verdict_length > 0 ? 2 : 1 }, () => span.position),
      );
      expect(parseAcceptEnvelope(bytes).bodies.map((body) => body[0])).toEqual(owners);
    }
    expect(parts.flatMap((part) => part.request.spans.map((span) => span.position))).toEqual(
      spans.map((span) => span.position),
    );
  });
});
