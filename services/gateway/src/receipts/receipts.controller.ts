import { Controller, Get, Inject, Param, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { PATHS, type Receipt } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { Moves } from '../auth/moves.ts';
import { GatewayError } from '../errors.ts';
import { SpanParam } from '../query/span.dto.ts';
import { POOL } from '../storage/pool.ts';
import { remakeReceipt } from './remake-receipt.ts';

/** The views may be a moment behind an ack. */
const VIEWS_LAG_MS = 1000;

/** `GET /v1/receipts/{this}`: the receipt the ledger gave, byte for byte, made again from the views (decision 0005). */
@Controller()
export class ReceiptsController {
  constructor(
    private readonly auth: AuthService,
    private readonly moves: Moves,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Get(PATHS.receipt)
  async receipt(@Req() request: FastifyRequest, @Param() param: SpanParam): Promise<Receipt> {
    const { tenant } = await this.auth.callerOf(request);
    const deadlineMs = Date.now() + VIEWS_LAG_MS;
    for (;;) {
      const receipt = await remakeReceipt(this.pool, tenant, param.this);
      if (receipt !== null) return receipt;
      const leftMs = deadlineMs - Date.now();
      if (leftMs <= 0) throw new GatewayError('404_NOT_FOUND', 'no receipt of this span');
      await this.moves.next(tenant, leftMs);
    }
  }
}
