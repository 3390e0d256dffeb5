import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CanonError, parseStrict } from '@logline/canon-sign';
import { checkerOf, parseInstant, parseSubject, PATHS, QueryRequest } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { formatCursor, parseCursor } from '../domain/cursor.ts';
import { GatewayError } from '../errors.ts';
import { POOL } from '../storage/pool.ts';
import { findSpan, findSpans, viewSize } from '../storage/span-views.ts';
import { SpanParam } from './span.dto.ts';

const checker = checkerOf(QueryRequest);
const DEFAULT_LIMIT = 100;

/** `POST /v1/spans/query` and `GET /v1/spans/{this}` (protocol §12). Spans leave as their stored bytes, never re-encoded. */
@Controller()
export class QueryController {
  constructor(
    private readonly auth: AuthService,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Post(PATHS.query)
  @HttpCode(200)
  async query(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = await this.auth.callerOf(request);
    await this.auth.signatureOf(request, tenant, false);
    const { subject, intent, since, cursor, limit = DEFAULT_LIMIT } = parseQuery(request.body);
    if (parseSubject(subject).tenant !== tenant) throw new GatewayError('404_NOT_FOUND', 'no such subject');
    const after = cursor === undefined ? -1 : parseCursor(cursor);
    const size = await viewSize(this.pool, tenant);
    if (after >= size) throw new GatewayError('410_CURSOR_EXPIRED', 'the cursor is not of this log');
    const sinceMs = since === undefined ? undefined : (parseInstant(since) ?? undefined);
    // one more than asked for says whether there is more
    const rows = await findSpans(this.pool, {
      tenant,
      subject,
      intent,
      after,
      before: size,
      sinceMs,
      limit: limit + 1,
    });
    const page = rows.slice(0, limit);
    const hasMore = rows.length > limit;
    const last = hasMore ? (page.at(-1)?.index ?? after) : size - 1;
    const items = page.map(({ bytes }) => Buffer.from(bytes).toString('utf8')).join(',');
    const next = last < 0 ? '' : `,"cursor":${JSON.stringify(formatCursor(last))}`;
    await sendJson(reply, `{"items":[${items}]${next},"has_more":${hasMore}}`);
  }

  @Get(PATHS.span)
  async span(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() param: SpanParam,
  ): Promise<void> {
    const { tenant } = await this.auth.callerOf(request);
    const row = await findSpan(this.pool, tenant, param.this);
    if (row === null) throw new GatewayError('404_NOT_FOUND', 'no such span');
    await sendJson(reply, Buffer.from(row.bytes).toString('utf8'));
  }
}

async function sendJson(reply: FastifyReply, text: string): Promise<void> {
  await reply.header('Content-Type', 'application/json; charset=utf-8').send(text);
}

function parseQuery(body: unknown): QueryRequest {
  const value = parseBody(body);
  const faults = checker.faults(value);
  if (!checker.check(value)) {
    const [first] = faults;
    throw new GatewayError(
      '400_BAD_REQUEST',
      `the query is malformed: ${first?.pointer ?? ''} ${first?.message ?? ''}`,
      {
        details: faults,
      },
    );
  }
  return value;
}

function parseBody(body: unknown): unknown {
  try {
    return parseStrict(body instanceof Uint8Array ? body : new Uint8Array());
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new GatewayError('400_BAD_REQUEST', `the body is not JSON: ${cause.message}`, { cause });
  }
}
