import { randomBytes } from 'node:crypto';
import { Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { blake3Hash, utf8 } from '@logline/canon-sign';
import { ContractError, parseInstant, parseSubject, PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { GatewayConfig } from '../config.ts';
import { parseCursor } from '../domain/cursor.ts';
import { GatewayError } from '../errors.ts';
import { POOL } from '../storage/pool.ts';
import { issueTicket, redeemTicket } from '../storage/stream-ticket.ts';
import { EventStream } from './event-stream.ts';
import { StreamQuery } from './stream.dto.ts';
import { Tails } from './tails.ts';

/** `GET /v1/stream` (SSE) and the tickets that let a browser's EventSource in (protocol §7, §12). */
@Controller()
export class StreamController {
  private readonly open = new Set<EventStream>();

  constructor(
    private readonly auth: AuthService,
    private readonly tails: Tails,
    @Inject(POOL) private readonly pool: Pool,
    @Inject(GatewayConfig) private readonly config: GatewayConfig,
  ) {}

  @Get(PATHS.stream)
  async stream(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query() query: StreamQuery,
  ): Promise<void> {
    const tenant = await this.tenantOf(request, query.ticket);
    if (this.open.size >= this.config.maxStreams) {
      throw new GatewayError('503_UNAVAILABLE', 'too many streams are open here', { retryAfterS: 5 });
    }
    if (query.subject !== undefined) checkSubject(query.subject, tenant);
    const sinceMs = query.since === undefined ? undefined : parseInstant(query.since);
    if (sinceMs === null) throw new GatewayError('400_BAD_REQUEST', 'since must be an RFC 3339 time in UTC');
    const tail = await this.tails.of(tenant);
    await tail.refresh();
    const after = startOf(request, query, tail.newest, sinceMs);
    reply.hijack();
    const watch = { tenant, subject: query.subject, intent: query.intent, sinceMs, after };
    const stream: EventStream = new EventStream(reply.raw, this.pool, tail, watch, () =>
      this.open.delete(stream),
    );
    this.open.add(stream);
  }

  @Post(PATHS.streamTickets)
  async ticket(@Req() request: FastifyRequest): Promise<{ ticket: string; expires_in_s: number }> {
    const { tenant } = await this.auth.callerOf(request);
    await this.auth.signatureOf(request, tenant, true);
    const ticket = randomBytes(32).toString('base64url');
    await issueTicket(this.pool, blake3Hash(utf8(ticket)), tenant);
    return { ticket, expires_in_s: 60 };
  }

  /** Ends all streams; each client has an id to resume from. */
  closeAll(): void {
    for (const stream of this.open) stream.end();
  }

  private async tenantOf(request: FastifyRequest, ticket: string | undefined): Promise<string> {
    if (ticket === undefined) return (await this.auth.callerOf(request)).tenant;
    const tenant = await redeemTicket(this.pool, blake3Hash(utf8(ticket)));
    if (tenant === null)
      throw new GatewayError('401_UNAUTHORIZED', 'the ticket is unknown, used or older than 60 s');
    return tenant;
  }
}

function checkSubject(subject: string, tenant: string): void {
  try {
    if (parseSubject(subject).tenant === tenant) return;
  } catch (cause) {
    if (!(cause instanceof ContractError)) throw cause;
    throw new GatewayError('400_BAD_REQUEST', cause.message, { cause });
  }
  throw new GatewayError('404_NOT_FOUND', 'no such subject, or not yours');
}

/** Where a stream begins: behind its cursor, from `since` on, or with what comes next. @throws GatewayError `410_CURSOR_EXPIRED` */
function startOf(
  request: FastifyRequest,
  query: StreamQuery,
  newest: number,
  sinceMs: number | undefined,
): number {
  const lastEventId = request.headers['last-event-id'];
  const cursor = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : query.cursor;
  if (cursor === undefined) return sinceMs === undefined ? newest : -1;
  const after = parseCursor(cursor);
  if (after > newest) throw new GatewayError('410_CURSOR_EXPIRED', 'the cursor is not of this log');
  return after;
}
