import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const NO_TRACE = '0'.repeat(32);

/** The trace id of a request, 32 hex: its `traceparent`'s, or a new one (W3C Trace Context). It is Fastify's request id, and goes out as `Request-Id`. */
export function traceOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = TRACEPARENT.exec(headers['traceparent']?.toString() ?? '')?.[1];
  return given === undefined || given === NO_TRACE ? randomUUID().replaceAll('-', '') : given;
}
