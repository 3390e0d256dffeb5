import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { formatBundle, parseTilePath, TlogError, type TileId } from '@logline/tlog';
import { AuthService } from '../auth/auth.service.ts';
import { Moves } from '../auth/moves.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
import { findEntries, findTile } from '../storage/log-views.ts';
import { POOL } from '../storage/pool.ts';
import { LogParam } from './log.dto.ts';
import { servedCheckpoint } from './served-checkpoint.ts';

const IMMUTABLE = 'private, max-age=31536000, immutable';

/** `GET /v1/log/{tenant}/…`: a C2SP tlog-tiles log, read with a token of that tenant (protocol §10). */
@Controller()
export class LogController {
  constructor(
    private readonly auth: AuthService,
    private readonly moves: Moves,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Get(PATHS.checkpoint)
  async checkpoint(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const tenant = await this.ownLog(request, reply);
    const note = await servedCheckpoint(this.pool, tenant, request.query);
    if (note === null) throw notFound();
    await reply
      .header('Content-Type', 'text/plain; charset=utf-8')
      .header('Cache-Control', 'private, no-cache')
      .send(note);
  }

  @Get(PATHS.tile)
  async tile(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const tenant = await this.ownLog(request, reply);
    const path = request.url.split('?', 1)[0] ?? '';
    const tile = parsePath(path.slice(path.indexOf('/tile/') + 1));
    // a client that checks a receipt asks for tiles the views may only be about to hold
    const bytes = await this.moves.findSoon(tenant, () => this.bytesOf(tenant, tile));
    if (bytes === null) throw notFound();
    await reply
      .header('Content-Type', 'application/octet-stream')
      .header('Cache-Control', IMMUTABLE)
      .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  private async bytesOf(tenant: string, tile: TileId): Promise<Uint8Array | null> {
    if (tile.level !== 'entries') return findTile(this.pool, tenant, tile);
    const entries = await findEntries(this.pool, tenant, tile);
    return entries === null ? null : formatBundle(entries);
  }

  private async ownLog(request: FastifyRequest, reply: FastifyReply): Promise<string> {
    const caller = await this.auth.callerOf(request, reply);
    const { tenant } = parseDto(LogParam, request.params);
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
