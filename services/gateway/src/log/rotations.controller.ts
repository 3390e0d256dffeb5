import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { utf8 } from '@logline/canon-sign';
import { PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { remakeReceipt } from '../receipts/remake-receipt.ts';
import { POOL } from '../storage/pool.ts';
import { findSpans } from '../storage/span-views.ts';
import { LogAccess } from './log-access.ts';
import { etagOf, sendCacheable } from './send-cacheable.ts';

/** A key does not come back, and an operator makes each by hand. */
const MOST_ROTATIONS = 1000;
const MOST_BYTES = 8 * 1024 * 1024;

/**
 * Which keys a log has gone through, each step as the span that took it and its receipt: whoever has pinned one of them gets to the newest
 * by these alone (decision 0014). Nothing in the answer is to be believed before it is verified.
 */
@Controller()
export class RotationsController {
  constructor(
    private readonly access: LogAccess,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Get(PATHS.logRotations)
  async rotations(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant, isPublic } = await this.access.readerOf(request, reply);
    const bytes = utf8(`{"rotations":[${(await loggedRotations(this.pool, tenant)).join(',')}]}`);
    const type = 'application/json; charset=utf-8';
    await sendCacheable(request, reply, { type, etag: etagOf(bytes), lives: 'short', isPublic }, () => bytes);
  }
}

/** `{span, receipt}` of each rotation, oldest first; the spans as they were signed. The views hold a span and its checkpoint at once. */
async function loggedRotations(pool: Pool, tenant: string): Promise<readonly string[]> {
  const { rows } = await findSpans(pool, {
    tenant,
    subject: `urn:tenant:${tenant}`,
    intent: 'registry.log.rotated',
    after: -1,
    before: Number.MAX_SAFE_INTEGER,
    limit: MOST_ROTATIONS,
    maxBytes: MOST_BYTES,
  });
  const rotations: string[] = [];
  for (const { text } of rows) {
    const receipt = await remakeReceipt(pool, tenant, idOf(text));
    if (receipt === null) break; // a commit that the views hold half of: the rest comes with its checkpoint
    rotations.push(`{"span":${text},"receipt":${JSON.stringify(receipt)}}`);
  }
  return rotations;
}

function idOf(text: string): string {
  const { this: id } = JSON.parse(text) as { readonly this: string }; // the ledger logs spans only
  return id;
}
