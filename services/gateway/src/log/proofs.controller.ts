import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseBase64, parseHex, utf8 } from '@logline/canon-sign';
import { PATHS, type ConsistencyProof, type InclusionProof } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { formatProof } from '@logline/tlog';
import { Moves } from '../auth/moves.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
import type { findLeaf } from '../storage/log-views.ts';
import { POOL } from '../storage/pool.ts';
import { LogAccess, type LogReader } from './log-access.ts';
import { ConsistencyQuery, InclusionQuery } from './log.dto.ts';
import { proveEntry, proveGrowth, type Proved } from './prove.ts';
import { etagOf, sendCacheable } from './send-cacheable.ts';

/** Proofs of a log, for whoever would rather not compute them from its tiles. As text, or as JSON where that is what `Accept` asks for. */
@Controller()
export class ProofsController {
  constructor(
    private readonly access: LogAccess,
    private readonly moves: Moves,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  /** As text: a complete `.tlog-proof`. */
  @Get(PATHS.inclusion)
  async inclusion(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const reader = await this.access.readerOf(request, reply);
    const query = parseDto(InclusionQuery, request.query);
    const by = entryOf(query);
    const proof = await this.findSoon(reader, () => proveEntry(this.pool, reader.tenant, by, query.size));
    await send(request, reply, reader, proof, formatInclusion);
  }

  /** As text: the body of a witness's `add-checkpoint`, whose checkpoint is there where one was signed at that size (C2SP tlog-witness). */
  @Get(PATHS.consistency)
  async consistency(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const reader = await this.access.readerOf(request, reply);
    const { from, to } = parseDto(ConsistencyQuery, request.query);
    if (to !== undefined && from > to)
      throw new GatewayError('400_BAD_REQUEST', 'from: must not be larger than to', {
        details: [{ pointer: '/from', message: 'must not be larger than to' }],
      });
    const proof = await this.findSoon(reader, () => proveGrowth(this.pool, reader.tenant, from, to));
    await send(request, reply, reader, proof, formatConsistency);
  }

  /** Waits a moment for what may only just have been committed. @throws GatewayError `404_NOT_FOUND` */
  private async findSoon<P>({ tenant, who }: LogReader, prove: () => Promise<Proved<P>>): Promise<P> {
    let missing = '';
    const find = async (): Promise<P | null> => {
      const proved = await prove();
      if ('proof' in proved) return proved.proof;
      ({ missing } = proved);
      return null;
    };
    const proof = await this.moves.findSoon(tenant, find, who);
    if (proof === null) throw new GatewayError('404_NOT_FOUND', missing);
    return proof;
  }
}

/** @throws GatewayError `400_BAD_REQUEST` unless the query says exactly once which entry is meant */
function entryOf(query: InclusionQuery): Parameters<typeof findLeaf>[2] {
  const { this: id, leaf, index } = query;
  if ([id, leaf, index].filter((given) => given !== undefined).length === 1) {
    if (id !== undefined) return { this: id };
    if (leaf !== undefined) return { leaf: parseHex(leaf, 32) };
    if (index !== undefined) return { index };
  }
  throw new GatewayError('400_BAD_REQUEST', 'say which entry: exactly one of this, leaf and index');
}

async function send<P>(
  request: FastifyRequest,
  reply: FastifyReply,
  { isPublic }: LogReader,
  proof: P,
  format: (proof: P) => string,
): Promise<void> {
  void reply.header('Vary', isPublic ? 'Accept' : 'Accept, Authorization, X-Tenant-Id');
  const isJson = /\bapplication\/json\b/i.test(request.headers.accept ?? '');
  const bytes = utf8(isJson ? JSON.stringify(proof) : format(proof));
  const type = isJson ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8';
  await sendCacheable(request, reply, { type, etag: etagOf(bytes), lives: 'short', isPublic }, () => bytes);
}

function formatInclusion({ index, hashes, checkpoint }: InclusionProof): string {
  return formatProof({ index: BigInt(index), hashes: hashes.map((hash) => parseBase64(hash)), checkpoint });
}

function formatConsistency({ from, hashes, checkpoint }: ConsistencyProof): string {
  return `old ${from}\n${hashes.map((hash) => `${hash}\n`).join('')}\n${checkpoint ?? ''}`;
}
