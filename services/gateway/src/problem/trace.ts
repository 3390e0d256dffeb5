import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
const traces = new WeakMap<FastifyRequest, string>();

/** The trace id of a request, 32 hex: its `traceparent`'s, or a new one. The same for as long as the request lives. */
export function traceOf(request: FastifyRequest): string {
  const known = traces.get(request);
  if (known !== undefined) return known;
  const given = request.headers['traceparent'];
  const trace =
    TRACEPARENT.exec(typeof given === 'string' ? given : '')?.[1] ?? randomBytes(16).toString('hex');
  traces.set(request, trace);
  return trace;
}
