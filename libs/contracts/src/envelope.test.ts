import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatEnvelope,
  parseAcceptEnvelope,
  parseSubmitEnvelope,
  type AcceptEnvelope,
  type SubmitEnvelope,
} from './envelope.ts';

const request = {
  trace: 'ab'.repeat(16),
  reply: '_INBOX.gateway.1.2',
  tenant: 'acme',
  language: 'en',
  caller: { kind: 'token', token: 'cli' },
} as const;

function submit(bodies: readonly Uint8Array[]): SubmitEnvelope {
  const spans = bodies.map((body, position) => ({ position, length: body.length }));
  return { v: 1, requests: [{ ...request, wait_ms: 10_000, spans }] };
}

describe('a submit envelope', () => {
  it('comes back with its bodies byte for byte', () => {
    const body = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: 20 }), (bodies) => {
        const parsed = parseSubmitEnvelope(formatEnvelope(submit(bodies), bodies));
        expect(parsed.bodies).toEqual(bodies);
        expect(parsed.header).toEqual(submit(bodies));
      }),
    );
  });

  it('is refused with its own error whatever the bytes', () => {
    const good = formatEnvelope(submit([new Uint8Array(3)]), [new Uint8Array(3)]);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bad = Uint8Array.from(good, (byte, i) => (i === at ? byte ^ flip : byte));
        try {
          parseSubmitEnvelope(bad);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ContractError', code: 'BAD_ENVELOPE' });
        }
      }),
    );
    for (const bytes of [
      new Uint8Array(),
      new Uint8Array(3),
      new Uint8Array(8).fill(255),
      good.subarray(0, -1),
    ]) {
      expect(() => parseSubmitEnvelope(bytes)).toThrowError(
        expect.objectContaining({ code: 'BAD_ENVELOPE' }),
      );
    }
  });
});

describe('an accept envelope', () => {
  it('carries a verdict span behind the span it commits with', () => {
    const [span, verdict, plain] = [Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4, 5, 6)];
    const judged = { role: 'client', reads: { 'kid:a': -1 }, writes: ['proof:x'] } as const;
    const header: AcceptEnvelope = {
      v: 1,
      requests: [
        {
          ...request,
          submitted_ms: 1,
          deadline_ms: 2,
          attempt: 0,
          spans: [
            { ...judged, position: 0, length: 2, verdict_length: 1, writes: ['proof:x'] },
            { ...judged, position: 1, length: 3, verdict_length: 0, writes: [] },
          ],
        },
      ],
    };
    const parsed = parseAcceptEnvelope(formatEnvelope(header, [span, verdict, plain]));
    expect(parsed.bodies).toEqual([span, verdict, plain]);
    expect(parsed.header).toEqual(header);
  });
});
