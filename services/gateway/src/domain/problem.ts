import { CANONICAL_CODES, formatInstant, type CanonicalCode, type Problem } from '@logline/contracts';
import { GATEWAY_FAULTS, GatewayError } from '../errors.ts';

/** The problem document of a request fault (RFC 9457). Anything but a `GatewayError` is our own fault and says nothing of itself. */
export function toProblem(error: unknown, traceId: string, nowMs: number): Problem {
  if (!(error instanceof GatewayError)) {
    return problem('500_INTERNAL', 'something went wrong here; the trace_id finds it in the logs', traceId);
  }
  const { code, message, details } = error;
  return {
    ...problem(code, message, traceId),
    retryable: GATEWAY_FAULTS[code] === 'retryable',
    ...(code === '401_UNAUTHORIZED' ? { server_time: formatInstant(nowMs) } : {}),
    ...(details.length === 0
      ? {}
      : { errors: details.map(({ pointer, message: detail }) => ({ detail, pointer: `#${pointer}` })) }),
  };
}

function problem(code: CanonicalCode, detail: string, traceId: string): Problem {
  const { status, title, fix } = CANONICAL_CODES[code];
  return {
    type: `urn:logline:problem:${code}`,
    title,
    status,
    detail,
    code,
    trace_id: traceId,
    retryable: false,
    fix,
  };
}
