import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CanonError, parseStrict } from '@logline/canon-sign';
import { checkerOf, parseInstant, PATHS, QueryRequest } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { bodyOf } from '../auth/http-request.ts';
import { Moves } from '../auth/moves.ts';
import { formatCursor, parseCursor } from '../domain/cursor.ts';
import { checkOwnSubject } from '../domain/own-subject.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
import { decodeBody, formOf } from '../spans/decode-body.ts';
import { POOL } from '../storage/pool.ts';
import { findSpan, findSpans, firstSince, viewSize } from '../storage/span-views.ts';
import { SpanParam } from './span.dto.ts';

const checker = checkerOf(QueryRequest);
const DEFAULT_LIMIT = 100;
/** A page of the largest spans ends before its limit. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** `POST /v1/spans/query` and `GET /v1/spans/{this}` (protocol §12). Spans leave as their stored bytes, never re-encoded. */
@Controller()
export class QueryController {
  constructor(
    private readonly auth: AuthService,
    private readonly moves: Moves,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Post(PATHS.query)
  @HttpCode(200)
  async query(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = await this.auth.callerOf(request, reply);
    await this.auth.signatureOf(request, tenant, 'checked when there');
    const { subject, intent, since, cursor, limit = DEFAULT_LIMIT } = await parseQuery(request);
    checkOwnSubject(subject, tenant);
    const size = await viewSize(this.pool, tenant);
    const after = Math.max(
      cursor === undefined ? -1 : parseCursor(cursor),
      since === undefined ? -1 : (await firstSince(this.pool, tenant, size, toMs(since))) - 1,
    );
    if (cursor !== undefined && parseCursor(cursor) >= size)
      throw new GatewayError('410_CURSOR_EXPIRED', 'the cursor is not of this log');
    const filter = { tenant, subject, intent, after, before: size, limit, maxBytes: MAX_PAGE_BYTES };
    const { rows, hasMore } = await findSpans(this.pool, filter);
    const last = hasMore ? (rows.at(-1)?.index ?? after) : size - 1;
    const next = last < 0 ? '' : `,"cursor":${JSON.stringify(formatCursor(last))}`;
    const items = rows.map(({ text }) => text).join(',');
    await sendJson(reply, `{"items":[${items}]${next},"has_more":${hasMore}}`);
  }

  @Get(PATHS.span)
  async span(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = await this.auth.callerOf(request, reply);
    const param = parseDto(SpanParam, request.params);
    const text = await this.moves.findSoon(tenant, () => findSpan(this.pool, tenant, param.this));
    if (text === null) throw new GatewayError('404_NOT_FOUND', 'no such span, or not yours');
    await sendJson(reply, text);
  }
}

async function sendJson(reply: FastifyReply, text: string): Promise<void> {
  await reply.header('Content-Type', 'application/json; charset=utf-8').send(text);
}

/** @throws GatewayError `400_BAD_REQUEST`, `413_TOO_LARGE`, `415_MEDIA_TYPE` */
async function parseQuery(request: FastifyRequest): Promise<QueryRequest> {
  if (formOf(request.headers['content-type']) !== 'json')
    throw new GatewayError('415_MEDIA_TYPE', 'send application/json');
  const value = parseBody(await decodeBody(bodyOf(request), request.headers['content-encoding']));
  if (checker.check(value)) return value;
  const details = checker.faults(value);
  const [first] = details;
  throw new GatewayError(
    '400_BAD_REQUEST',
    `the query is malformed: ${first?.pointer ?? ''} ${first?.message ?? ''}`,
    { details },
  );
}

function parseBody(body: Uint8Array): unknown {
  try {
    return parseStrict(body);
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new GatewayError('400_BAD_REQUEST', `the body is not JSON: ${cause.message}`, { cause });
  }
}

/** @throws GatewayError `400_BAD_REQUEST` for a day that no calendar has */
function toMs(since: string): number {
  const ms = parseInstant(since);
  if (ms === null) throw new GatewayError('400_BAD_REQUEST', 'since must be an RFC 3339 time in UTC');
  return ms;
}
