import { describe, expect, it } from 'vitest';
import {
  formatAckReply,
  parseAck,
  parseAckReply,
  splitAckReply,
  toAckBytes,
  type AckReply,
} from './ack-reply.ts';
import type { Ack } from './ack.ts';

const no = (message: string): Ack => ({
  status: 'invalid',
  trace_id: 'x',
  code: '403_FORBIDDEN',
  http_status: 403,
  details: [],
  errors: [message],
  suggested_reply: 'ask',
});
const ok: Ack = {
  status: 'ok',
  this: 'urn:span:01890000-0000-7000-8000-000000000000',
  trace_id: 'x',
  receipt: {
    ts: '2026-11-30T00:00:00.000Z',
    hash: `blake3:${'0'.repeat(64)}`,
    signature: `${'A'.repeat(86)}==`,
    merkle: 'c2sp.org/tlog-proof@v1\nindex 0\n\nnote',
    this: 'urn:span:01890000-0000-7000-8000-000000000000',
    log: 'log.example/acme',
    index: 0,
  },
};
const badEnvelope = expect.objectContaining({ code: 'BAD_ENVELOPE' });

describe('an ack reply', () => {
  const reply: AckReply = {
    v: 1,
    trace: 'x',
    acks: [
      { position: 3, ack: no('não, "nunca"\u2028 😀 \ud800') },
      { position: 0, ack: ok },
      { position: 1, ack: { ...ok, replayed: true } },
    ],
  };

  it('comes back', () => {
    expect(parseAckReply(formatAckReply(reply))).toEqual(reply);
  });

  it('gives each ack unread, as JSON.stringify writes it, with what a door has to know', () => {
    const { trace, acks } = splitAckReply(formatAckReply(reply));
    expect(trace).toBe('x');
    expect(acks.map(({ position, httpStatus, isReplay }) => [position, httpStatus, isReplay])).toEqual([
      [3, 403, false],
      [0, 200, false],
      [1, 200, true],
    ]);
    expect(acks.map(({ bytes }) => new TextDecoder().decode(bytes))).toEqual(
      reply.acks.map(({ ack }) => JSON.stringify(ack)),
    );
  });

  it.each([
    ['garbage', new TextEncoder().encode('{"v":2}')],
    ['nothing', new Uint8Array(0)],
    ['one cut off', formatAckReply(reply).subarray(0, -1)],
    ['one without acks', formatAckReply({ ...reply, acks: [] })],
  ])('is not %s', (_what, bytes) => {
    expect(() => splitAckReply(bytes)).toThrowError(badEnvelope);
    expect(() => parseAckReply(bytes)).toThrowError(badEnvelope);
  });
});

describe('an ack', () => {
  it('of our own is like one that came in', () => {
    for (const ack of [ok, no('x'), { ...ok, replayed: true as const }])
      expect(parseAck(toAckBytes(ack))).toEqual(ack);
  });

  it('is refused when it is none, or another one than its header says', () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const good = toAckBytes(ok);
    for (const bad of [
      { ...good, bytes: bytes('nonsense') },
      { ...good, bytes: bytes('{}') },
      { ...good, bytes: Uint8Array.of(0xff) },
      { ...good, httpStatus: 403 },
      { ...good, isReplay: true },
    ])
      expect(() => parseAck(bad)).toThrowError(badEnvelope);
  });
});
