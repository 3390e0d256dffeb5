import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JetStreamError } from '@logline/jetstream';
import { PostgresError } from '@logline/postgres';
import { LOG, type Log } from '@logline/service';
import { toProblem } from '../domain/problem.ts';
import { GatewayError } from '../errors.ts';

/** Every fault leaves as a problem document with a canonical code; what is ours is logged with its trace id and says nothing. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOG) private readonly log: Log) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = toGatewayError(thrown);
    const problem = toProblem(error, request.id, Date.now());
    if (problem.status >= 500)
      this.log.error(
        { err: thrown, trace_id: request.id, route: request.routeOptions.url },
        'request failed',
      );
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
      .header('Cache-Control', 'no-store')
      .send(JSON.stringify(problem));
  }
}

function toGatewayError(thrown: unknown): unknown {
  if (thrown instanceof GatewayError) return thrown;
  const isElsewhere =
    (thrown instanceof PostgresError && ['UNAVAILABLE', 'DISK_FULL', 'CONFLICT'].includes(thrown.code)) ||
    (thrown instanceof JetStreamError && ['UNAVAILABLE', 'QUEUE_FULL', 'NO_STREAM'].includes(thrown.code));
  if (isElsewhere) {
    return new GatewayError('503_UNAVAILABLE', 'a part that this needs does not answer', {
      cause: thrown,
      retryAfterS: 2,
    });
  }
  switch (statusOf(thrown)) {
    case 400:
      return new GatewayError('400_BAD_REQUEST', 'the request is malformed', { cause: thrown });
    case 404:
      return new GatewayError('404_NOT_FOUND', 'no such route', { cause: thrown });
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
