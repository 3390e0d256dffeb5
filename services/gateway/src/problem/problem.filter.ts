import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { PostgresError } from '@logline/postgres';
import { LOG } from '@logline/service';
import { toProblem } from '../domain/problem.ts';
import { GatewayError } from '../errors.ts';
import { traceOf } from './trace.ts';

/** Every fault leaves as a problem document with a canonical code; what is ours is logged with its trace id and says nothing. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOG) private readonly log: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    this.send(thrown, request, reply);
  }

  send(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = toGatewayError(thrown);
    const trace = traceOf(request);
    const problem = toProblem(error, trace, Date.now());
    if (problem.status >= 500) this.log.error({ err: thrown, trace_id: trace }, 'request failed');
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    if (error instanceof GatewayError && error.retryAfterS !== undefined)
      void reply.header('Retry-After', String(error.retryAfterS));
    if (error instanceof GatewayError && error.allow !== undefined) void reply.header('Allow', error.allow);
    void reply
      .status(problem.status)
      .header('Content-Type', 'application/problem+json; charset=utf-8')
      .header('Request-Id', trace)
      .send(JSON.stringify(problem));
  }
}

function toGatewayError(thrown: unknown): unknown {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof PostgresError && (thrown.code === 'UNAVAILABLE' || thrown.code === 'DISK_FULL')) {
    return new GatewayError('503_UNAVAILABLE', 'the store does not answer', {
      cause: thrown,
      retryAfterS: 2,
    });
  }
  const status = statusOf(thrown);
  switch (status) {
    case 400:
      return new GatewayError('400_BAD_REQUEST', messageOf(thrown), { cause: thrown });
    case 404:
      return new GatewayError('404_NOT_FOUND', 'no such route', { cause: thrown });
    case 405:
      return new GatewayError('405_METHOD_NOT_ALLOWED', 'not with this method', { cause: thrown });
    case 413:
      return new GatewayError('413_TOO_LARGE', 'the body is too large', { cause: thrown });
    case 415:
      return new GatewayError('415_MEDIA_TYPE', 'this media type is not taken', { cause: thrown });
    default:
      return thrown;
  }
}

/** Nest's exceptions have getStatus, Fastify's errors a statusCode; anything else is ours. */
function statusOf(thrown: unknown): number {
  if (thrown instanceof HttpException) return thrown.getStatus();
  if (thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number')
    return thrown.statusCode;
  return 500;
}

/** What class-validator or Fastify say of a request is about the request, and may be told. */
function messageOf(thrown: unknown): string {
  if (!(thrown instanceof HttpException)) return 'the request is malformed';
  const response = thrown.getResponse();
  const message = typeof response === 'object' && 'message' in response ? response.message : thrown.message;
  return Array.isArray(message) ? message.join('; ') : String(message);
}
