import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { Matches } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { formatBundle, parseTilePath, tileWidth, TlogError, type TileId } from '@logline/tlog';
import { AuthService } from '../auth/auth.service.ts';
import { GatewayError } from '../errors.ts';
import { findEntries, findTile, newestCheckpoint } from '../storage/log-views.ts';
import { POOL } from '../storage/pool.ts';
import { viewSize } from '../storage/span-views.ts';

const IMMUTABLE = 'private, max-age=31536000, immutable';

class LogParam {
  @Matches(/^[a-z0-9-]{1,63}$/)
  readonly tenant: string;
}

/** `GET /v1/log/{tenant}/…`: a C2SP tlog-tiles log, read with a token of that tenant (protocol §10). */
@Controller()
export class LogController {
  constructor(
    private readonly auth: AuthService,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Get(PATHS.checkpoint)
  async checkpoint(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() param: LogParam,
  ): Promise<void> {
    const tenant = await this.ownLog(request, param.tenant);
    const note = await newestCheckpoint(this.pool, tenant);
    if (note === null) throw notFound();
    await reply
      .header('Content-Type', 'text/plain; charset=utf-8')
      .header('Cache-Control', 'private, max-age=2')
      .send(note);
  }

  @Get(PATHS.tile)
  async tile(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() param: LogParam,
  ): Promise<void> {
    const tenant = await this.ownLog(request, param.tenant);
    const path = (request.raw.url ?? '').split('?')[0] ?? '';
    const tile = parsePath(path.slice(path.indexOf('/tile/') + 1));
    const reach = tileWidth(tile.level, tile.index, BigInt(await viewSize(this.pool, tenant)));
    const bytes = tile.width > reach ? null : await this.bytesOf(tenant, tile);
    if (bytes === null) throw notFound();
    await reply
      .header('Content-Type', 'application/octet-stream')
      .header('Cache-Control', IMMUTABLE)
      .send(Buffer.from(bytes));
  }

  private async bytesOf(tenant: string, tile: TileId): Promise<Uint8Array | null> {
    if (tile.level !== 'entries') return findTile(this.pool, tenant, tile);
    const entries = await findEntries(this.pool, tenant, tile);
    return entries === null ? null : formatBundle(entries);
  }

  private async ownLog(request: FastifyRequest, tenant: string): Promise<string> {
    const caller = await this.auth.callerOf(request);
    if (caller.tenant !== tenant) throw notFound();
    return tenant;
  }
}

function parsePath(path: string): TileId {
  try {
    return parseTilePath(path);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new GatewayError('404_NOT_FOUND', 'no such tile', { cause });
  }
}

function notFound(): GatewayError {
  return new GatewayError('404_NOT_FOUND', 'no such log or tile, or not yours');
}
