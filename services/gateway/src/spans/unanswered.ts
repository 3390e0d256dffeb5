import { CANONICAL_CODES, toAckBytes, type AckBytes, type CanonicalCode } from '@logline/contracts';
import { MAX_SPAN_BYTES } from '@logline/canon-sign';

/** The ack of a span that nobody answered in time: its outcome is unknown. */
export function unknownAck(traceId: string): AckBytes {
  return gatewayAck('503_UNAVAILABLE', 'no answer in time; whether it was committed is unknown', traceId);
}

/** The ack of a span that is larger than an entry of the log may be (protocol §2). */
export function tooLargeAck(sizeBytes: number, traceId: string): AckBytes {
  return gatewayAck(
    '413_TOO_LARGE',
    `${sizeBytes} canonical bytes; a span has at most ${MAX_SPAN_BYTES}`,
    traceId,
  );
}

function gatewayAck(code: CanonicalCode, message: string, traceId: string): AckBytes {
  const { status, fix } = CANONICAL_CODES[code];
  return toAckBytes({
    status: 'invalid',
    trace_id: traceId,
    code,
    http_status: status,
    details: [{ code, pointer: '', message, fix }],
    errors: [message],
    suggested_reply: fix,
  });
}
