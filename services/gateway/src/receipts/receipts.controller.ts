import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { Moves } from '../auth/moves.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
import { SpanParam } from '../query/span.dto.ts';
import { POOL } from '../storage/pool.ts';
import { remakeReceipt } from './remake-receipt.ts';

/** `GET /v1/receipts/{this}`: the receipt the ledger gave, byte for byte, made again from the views (decision 0005). */
@Controller()
export class ReceiptsController {
  constructor(
    private readonly auth: AuthService,
    private readonly moves: Moves,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Get(PATHS.receipt)
  async receipt(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = await this.auth.callerOf(request, reply);
    const param = parseDto(SpanParam, request.params);
    const receipt = await this.moves.findSoon(tenant, () => remakeReceipt(this.pool, tenant, param.this));
    if (receipt === null) throw new GatewayError('404_NOT_FOUND', 'no receipt of such a span, or not yours');
    await reply.send(receipt);
  }
}
