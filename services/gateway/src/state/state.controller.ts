import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PATHS, type StateView } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { Moves } from '../auth/moves.ts';
import { checkOwnSubject } from '../domain/own-subject.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
import { POOL } from '../storage/pool.ts';
import { findState, listContainers, type StateRow } from '../storage/state-views.ts';
import { StateQuery } from './state.dto.ts';

const DEFAULT_LIMIT = 100;

/** `GET /v1/state/view`: one subject as its facts left it, or the tenant's containers (protocol §12). */
@Controller()
export class StateController {
  constructor(
    private readonly auth: AuthService,
    private readonly moves: Moves,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Get(PATHS.stateView)
  async view(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = await this.auth.callerOf(request, reply);
    const { subject, cursor, limit = DEFAULT_LIMIT } = parseDto(StateQuery, request.query);
    const isListing = subject === `urn:minicontainer:${tenant}/*`;
    await reply
      .header('Cache-Control', 'no-store')
      .send(isListing ? await this.list(tenant, cursor ?? '', limit) : await this.one(tenant, subject));
  }

  private async one(tenant: string, subject: string): Promise<StateView> {
    checkOwnSubject(subject, tenant);
    const row = await this.moves.findSoon(tenant, () => findState(this.pool, tenant, subject));
    if (row === null) throw new GatewayError('404_NOT_FOUND', 'no such subject, or not yours');
    return toStateView(row);
  }

  private async list(
    tenant: string,
    after: string,
    limit: number,
  ): Promise<{ items: readonly StateView[]; cursor?: string }> {
    const rows = await listContainers(this.pool, tenant, after, limit + 1);
    const items = rows.slice(0, limit).map(toStateView);
    const last = items.at(-1);
    return rows.length > limit && last !== undefined ? { items, cursor: last.subject } : { items };
  }
}

function toStateView({ subject, head, index, state }: StateRow): StateView {
  const { api_keys: tokens, ...view } = state.view;
  if (!Array.isArray(tokens)) return { subject, head, index, state: state.view };
  // token hashes stay inside: they are what a stolen view could be tried against
  const shown = tokens.map((token: Record<string, unknown>) => {
    const { hash: _hash, ...rest } = token;
    return rest;
  });
  return { subject, head, index, state: { ...view, api_keys: shown } };
}
