import { Controller, Get, Inject, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ContractError, parseSubject, PATHS, type StateView } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { GatewayError } from '../errors.ts';
import { POOL } from '../storage/pool.ts';
import { viewSize } from '../storage/span-views.ts';
import { findState, listContainers, type StateRow } from '../storage/state-views.ts';
import { StateQuery } from './state.dto.ts';

const DEFAULT_LIMIT = 100;

/** `GET /v1/state/view`: one subject as its facts left it, or the tenant's containers (protocol §12). */
@Controller()
export class StateController {
  constructor(
    private readonly auth: AuthService,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Get(PATHS.stateView)
  async view(
    @Req() request: FastifyRequest,
    @Query() { subject, cursor, limit = DEFAULT_LIMIT }: StateQuery,
  ): Promise<StateView | { items: readonly StateView[]; cursor?: string }> {
    const { tenant } = await this.auth.callerOf(request);
    const index = (await viewSize(this.pool, tenant)) - 1;
    if (subject === `urn:minicontainer:${tenant}/*`) {
      const rows = await listContainers(this.pool, tenant, cursor ?? '', limit + 1);
      const items = rows.slice(0, limit).map((row) => toStateView(row, index));
      const last = items.at(-1);
      return rows.length > limit && last !== undefined ? { items, cursor: last.subject } : { items };
    }
    const row = tenantOf(subject) === tenant ? await findState(this.pool, tenant, subject) : null;
    if (row === null) throw new GatewayError('404_NOT_FOUND', 'no such subject, or not yours');
    return toStateView(row, index);
  }
}

function toStateView({ subject, head, state }: StateRow, index: number): StateView {
  const { api_keys: tokens, ...view } = state.view;
  if (!Array.isArray(tokens)) return { subject, head, index, state: state.view };
  // token hashes stay inside: they are what a stolen view could be tried against
  const shown = tokens.map((token: Record<string, unknown>) => {
    const { hash: _hash, ...rest } = token;
    return rest;
  });
  return { subject, head, index, state: { ...view, api_keys: shown } };
}

/** @throws GatewayError `400_BAD_REQUEST` */
function tenantOf(subject: string): string {
  try {
    return parseSubject(subject).tenant;
  } catch (cause) {
    if (!(cause instanceof ContractError)) throw cause;
    throw new GatewayError('400_BAD_REQUEST', cause.message, { cause });
  }
}
