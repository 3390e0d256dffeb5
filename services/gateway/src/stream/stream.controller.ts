import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { blake3Digest, blake3Hash, formatBase64url, utf8 } from '@logline/canon-sign';
import { parseInstant, PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { Metrics } from '@logline/service';
import { AuthService } from '../auth/auth.service.ts';
import { GatewayConfig } from '../config.ts';
import { parseCursor } from '../domain/cursor.ts';
import { checkOwnSubject } from '../domain/own-subject.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
import { POOL } from '../storage/pool.ts';
import { firstSince } from '../storage/span-views.ts';
import { spendNonce } from '../storage/spend-nonce.ts';
import { issueTicket, redeemTicket, TICKET_LIVES_S, type TicketHolder } from '../storage/stream-ticket.ts';
import { EventStream } from './event-stream.ts';
import { StreamQuery } from './stream.dto.ts';
import { Tails } from './tails.ts';

const HEAD = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
} as const;

/** `GET /v1/stream` (SSE) and the tickets that let a browser's EventSource in (protocol §7, §12). */
@Controller()
export class StreamController {
  private readonly open = new Set<EventStream>();
  /** Open streams, and those about to be. */
  private taken = 0;
  private isClosing = false;

  constructor(
    private readonly auth: AuthService,
    private readonly tails: Tails,
    @Inject(POOL) private readonly pool: Pool,
    @Inject(GatewayConfig) private readonly config: GatewayConfig,
    metrics: Metrics,
  ) {
    metrics.gauge('gateway_streams', 'event streams that are open', () => this.open.size);
  }

  @Get(PATHS.stream)
  async stream(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const holder = await this.holderOf(request, reply);
    const query = parseDto(StreamQuery, request.query);
    if (query.subject !== undefined) checkOwnSubject(query.subject, holder.tenant);
    // Fastify answers HEAD by the route of GET
    if (request.method === 'HEAD') return void (await reply.headers(HEAD).send(''));
    const giveBack = this.takePlace();
    try {
      const { tail, release } = await this.tails.watch(holder.tenant);
      try {
        const after = await this.startOf(request, query, holder.tenant, tail.newest);
        const { subject, intent } = query;
        const onEnd = (): void => {
          release();
          giveBack();
        };
        this.begin(reply, { tail, holder, onEnd, watch: { tenant: holder.tenant, subject, intent, after } });
      } catch (error) {
        release();
        throw error;
      }
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** The very same signed request gets the same ticket again; it still opens one stream. */
  @Post(PATHS.streamTickets)
  @HttpCode(200)
  async ticket(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant, tokenHash } = await this.auth.callerOf(request, reply);
    const signature = await this.auth.dueSignatureOf(request, tenant);
    const secret = `ll.ticket.v1\n${request.headers.authorization ?? ''}\n${signature.requestHash}`;
    const ticket = formatBase64url(blake3Digest(utf8(secret)));
    const spending = await spendNonce(this.pool, tenant, signature);
    if (spending === 'of another request')
      throw new GatewayError('409_NONCE_REUSED', 'the nonce was spent by another request');
    if (spending === 'new') await issueTicket(this.pool, blake3Hash(utf8(ticket)), { tenant, tokenHash });
    await reply.header('Cache-Control', 'no-store').send({ ticket, expires_in_s: TICKET_LIVES_S });
  }

  /** Ends all streams; each client has an id to resume from. */
  async closeAll(): Promise<void> {
    this.isClosing = true;
    await Promise.all([...this.open].map((stream) => stream.end()));
  }

  private begin(
    reply: FastifyReply,
    parts: Pick<ConstructorParameters<typeof EventStream>[0], 'tail' | 'watch' | 'onEnd'> & {
      holder: TicketHolder;
    },
  ): void {
    const { holder, onEnd, ...rest } = parts;
    reply.hijack();
    reply.raw.writeHead(200, { ...reply.getHeaders(), ...HEAD } as Record<string, string>);
    const stream = new EventStream({
      ...rest,
      response: reply.raw,
      pool: this.pool,
      isAllowed: () => this.auth.isActive(holder.tenant, holder.tokenHash),
      onEnd: () => {
        this.open.delete(stream);
        onEnd();
      },
      heartbeatMs: this.config.streamHeartbeatMs,
      stallMs: this.config.streamStallMs,
    });
    this.open.add(stream);
    stream.start();
  }

  private takePlace(): () => void {
    if (this.isClosing || this.taken >= this.config.maxStreams)
      throw new GatewayError('503_UNAVAILABLE', 'no room for another stream here', { retryAfterS: 5 });
    this.taken += 1;
    let isTaken = true;
    return () => {
      if (isTaken) this.taken -= 1;
      isTaken = false;
    };
  }

  private async holderOf(request: FastifyRequest, reply: FastifyReply): Promise<TicketHolder> {
    const ticket = ticketOf(request.query);
    if (ticket === undefined) return this.auth.callerOf(request, reply);
    const holder = await redeemTicket(this.pool, blake3Hash(utf8(ticket)));
    if (holder === null)
      throw new GatewayError('401_UNAUTHORIZED', 'the ticket is unknown, used or older than 60 s');
    return holder;
  }

  /** Where a stream begins: behind its cursor, from `since` on, or with what comes next. @throws GatewayError `410_CURSOR_EXPIRED` */
  private async startOf(
    request: FastifyRequest,
    query: StreamQuery,
    tenant: string,
    newest: number,
  ): Promise<number> {
    const lastEventId = request.headers['last-event-id'];
    const cursor = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : query.cursor;
    const since = query.since === undefined ? undefined : parseInstant(query.since);
    if (since === null) throw new GatewayError('400_BAD_REQUEST', 'since must be an RFC 3339 time in UTC');
    if (cursor === undefined)
      return since === undefined ? newest : (await firstSince(this.pool, tenant, newest + 1, since)) - 1;
    const after = parseCursor(cursor);
    if (after > newest) throw new GatewayError('410_CURSOR_EXPIRED', 'the cursor is not of this log');
    return after;
  }
}

/** Looked at before anything else of the query, as a token would be. */
function ticketOf(query: unknown): string | undefined {
  const ticket: unknown =
    typeof query === 'object' && query !== null && 'ticket' in query ? query.ticket : undefined;
  return ticket === undefined ? undefined : String(ticket).slice(0, 64);
}
