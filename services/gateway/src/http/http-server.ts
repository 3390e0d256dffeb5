import { randomBytes } from 'node:crypto';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest, FastifyHttpOptions } from 'fastify';
import { CANONICAL_CODES } from '@logline/contracts';
import { LATENCY_BUCKETS, Metrics } from '@logline/service';
import { GatewayConfig } from '../config.ts';
import { toProblem } from '../domain/problem.ts';
import { GatewayError } from '../errors.ts';
import { MAX_BODY_BYTES } from '../spans/decode-body.ts';
import { BodyBudget, mostBytesOf } from './body-budget.ts';
import { Routes } from './routes.ts';
import { traceOf } from './trace.ts';

/** A request must have arrived within this long, however slowly its client writes. */
const ARRIVE_WITHIN_MS = 120_000;
/** Of a body that is too large. */
const MOST_THROWN_AWAY = 8 * MAX_BODY_BYTES;
/** What a page elsewhere may ask of a log before it is known whether there is one: it says nothing about any. */
const PREFLIGHT = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, HEAD',
  'Access-Control-Allow-Headers': 'If-None-Match, Accept',
  'Access-Control-Max-Age': '86400',
} as const;
const LOGS = '/v1/log/';
const PROBLEM = 'application/problem+json; charset=utf-8';

/** What Fastify is made with; what goes wrong before a route is found is a problem document too. */
export const FASTIFY_OPTIONS = {
  bodyLimit: MAX_BODY_BYTES,
  requestTimeout: ARRIVE_WITHIN_MS,
  http: { requireHostHeader: false },
  genReqId: traceOf,
  // while closing, what still arrives on an open connection is answered as ever
  return503OnClosing: false,
  frameworkErrors: (error, request, reply) => refuseTarget(error, request.id, reply.raw),
  clientErrorHandler: refuseSocket,
} satisfies FastifyHttpOptions<Server>;

/** Bodies stay bytes, so that what is signed is checked as it came; every answer has its Request-Id; a wrong method is a 405. */
export function configureHttp(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.removeAllContentTypeParsers();
  app.useBodyParser('*', { bodyLimit: MAX_BODY_BYTES }, (_request, body, done) => done(null, body));

  const routes = Routes.of(fastify);
  const budget = new BodyBudget(app.get(GatewayConfig).maxBodyBytesHeld);
  const metrics = app.get(Metrics);
  metrics.gauge('gateway_body_bytes_held', 'of request bodies in memory', () => budget.held);
  const answered = metrics.histogram('gateway_request_seconds', 'by route and status', LATENCY_BUCKETS, [
    'route',
    'status',
  ]);

  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('Request-Id', request.id);
    // Node's own refusal would have no body (requireHostHeader below)
    if (request.headers.host === undefined)
      return done(new GatewayError('400_BAD_REQUEST', 'the header Host is missing'));
    if (!request.is404) return done(holdBody(budget, request, reply));
    const allowed = routes.allowedOn(request);
    if (allowed.length === 0) return done();
    if (request.method !== 'OPTIONS') return done(wrongMethod(request.method, allowed));
    if (request.url.startsWith(LOGS)) void reply.headers(PREFLIGHT);
    void reply.code(204).header('Allow', allowed.join(', ')).send();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    answered.observe(reply.elapsedTime / 1000, { route, status: String(reply.statusCode) });
    done();
  });
}

function wrongMethod(method: string, allowed: readonly string[]): GatewayError {
  const allow = allowed.join(', ');
  return new GatewayError('405_METHOD_NOT_ALLOWED', `not with ${method}: use ${allow}`, { allow });
}

function holdBody(
  budget: BodyBudget,
  request: FastifyRequest,
  reply: FastifyReply,
): GatewayError | undefined {
  const bytes = mostBytesOf(request.headers);
  if (!(bytes > 0)) return undefined;
  if (bytes > MAX_BODY_BYTES) {
    // a client that is still writing would not read the answer, so what it writes is read and thrown away
    if (bytes > MOST_THROWN_AWAY) void reply.header('Connection', 'close');
    else request.raw.resume();
    return new GatewayError('413_TOO_LARGE', `a body has at most ${MAX_BODY_BYTES} bytes`);
  }
  const giveBack = budget.take(bytes);
  if (giveBack === null)
    return new GatewayError('503_UNAVAILABLE', 'too many large requests at once', { retryAfterS: 1 });
  reply.raw.once('close', giveBack);
  return undefined;
}

/** There is no route for such a request, and so no filter either. */
function refuseTarget(cause: Error, trace: string, response: ServerResponse): void {
  const fault = new GatewayError('400_BAD_REQUEST', 'the request target is malformed', { cause });
  const problem = toProblem(fault, trace, Date.now());
  response.writeHead(problem.status, { 'Content-Type': PROBLEM, 'Request-Id': trace });
  response.end(JSON.stringify(problem));
}

/** What is no HTTP, has too long a head, or does not arrive: there is no request to answer, only a socket. */
function refuseSocket(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const trace = randomBytes(16).toString('hex');
  const fault =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new GatewayError('413_TOO_LARGE', 'the head of the request is too large')
      : new GatewayError('400_BAD_REQUEST', 'this is not an HTTP request that arrived whole and in time');
  const problem = toProblem(fault, trace, Date.now());
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${CANONICAL_CODES[fault.code].title}`,
    `Content-Type: ${PROBLEM}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Request-Id: ${trace}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
