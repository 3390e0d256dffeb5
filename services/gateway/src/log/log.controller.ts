import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { utf8 } from '@logline/canon-sign';
import { PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { formatBundle, parseTilePath, TlogError, tileWidth, type TileId } from '@logline/tlog';
import { Moves } from '../auth/moves.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
import { findCheckpoint, findEntries, findLogKey, findTile, newestCheckpoint } from '../storage/log-views.ts';
import { POOL } from '../storage/pool.ts';
import { LogAccess, notThere } from './log-access.ts';
import { CheckpointQuery } from './log.dto.ts';
import { etagOf, sendCacheable } from './send-cacheable.ts';
import { servedCheckpoint } from './served-checkpoint.ts';

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';

/** `GET /v1/log/{tenant}/…`: a C2SP tlog-tiles log, read with a token of that tenant, or by anybody where it is published (protocol §10). */
@Controller()
export class LogController {
  constructor(
    private readonly access: LogAccess,
    private readonly moves: Moves,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Get(PATHS.checkpoint)
  async checkpoint(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant, isPublic, who } = await this.access.readerOf(request, reply);
    const { size, cosigned } = parseDto(CheckpointQuery, request.query);
    const find = () =>
      size === undefined
        ? servedCheckpoint(this.pool, tenant, { mustBeCosigned: cosigned === 'true' })
        : findCheckpoint(this.pool, tenant, size);
    const found = await this.moves.findSoon(tenant, find, who);
    if (found === null) {
      if (size === undefined) throw notThere();
      throw new GatewayError(
        '404_NOT_FOUND',
        `no checkpoint was signed at size ${size}: ask for the newest, or one of a receipt`,
      );
    }
    const bytes = utf8(found.note);
    const cacheable = { type: TEXT, etag: etagOf(bytes), lives: 'short', isPublic } as const;
    await sendCacheable(request, reply, cacheable, () => bytes);
  }

  /** For a monitor to begin with. Whoever means to hold the log to its word has the key from somewhere else (docs/log.md). */
  @Get(PATHS.logKey)
  async key(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant, isPublic, who } = await this.access.readerOf(request, reply);
    const found = await this.moves.findSoon(tenant, () => findLogKey(this.pool, tenant), who);
    if (found === null) throw notThere();
    const bytes = utf8(`${found.key}\n`);
    const cacheable = { type: TEXT, etag: etagOf(bytes), lives: 'short', isPublic } as const;
    await sendCacheable(request, reply, cacheable, () => bytes);
  }

  @Get(PATHS.tile)
  async tile(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant, isPublic, who } = await this.access.readerOf(request, reply);
    const path = request.url.split('?', 1)[0] ?? '';
    const tile = parsePath(path.slice(path.indexOf('/tile/') + 1));
    // a client that checks a receipt asks for tiles the views may only be about to hold
    const hashes = await this.moves.findSoon(tenant, () => this.hashesOf(tenant, tile), who);
    if (hashes === null) throw noTile();
    // entries are bound by their leaf hashes, which are there without reading them
    const cacheable = { type: BYTES, etag: etagOf(hashes), lives: 'immutable', isPublic } as const;
    await sendCacheable(request, reply, cacheable, async () => {
      if (tile.level !== 'entries') return hashes;
      const entries = await findEntries(this.pool, tenant, tile);
      if (entries === null) throw noTile();
      return formatBundle(entries);
    });
  }

  /** Of the tile, or of the tile of hashes beside a bundle; null when no signed checkpoint reaches it in this width. */
  private async hashesOf(tenant: string, tile: TileId): Promise<Uint8Array | null> {
    const newest = await newestCheckpoint(this.pool, tenant);
    if (newest === null || tileWidth(tile.level, tile.index, BigInt(newest.size)) < tile.width) return null;
    return findTile(this.pool, tenant, tile.level === 'entries' ? { ...tile, level: 0 } : tile);
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

function noTile(): GatewayError {
  return new GatewayError('404_NOT_FOUND', 'no such tile in the tree of the newest checkpoint');
}
