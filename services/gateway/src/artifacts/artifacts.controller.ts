import { Controller, Get, Inject, Param, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { blake3Hash } from '@logline/canon-sign';
import { MAX_ARTIFACT_BYTES, PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { GatewayError } from '../errors.ts';
import { findArtifact, storeArtifact } from '../storage/artifact.store.ts';
import { POOL } from '../storage/pool.ts';
import { spendNonce } from '../storage/spend-nonce.ts';
import { ArtifactParam } from './artifacts.dto.ts';

/** `PUT|GET /v1/artifacts/{hash}`: ciphertext by its hash, read and written by its own tenant only (protocol §6). */
@Controller()
export class ArtifactsController {
  constructor(
    private readonly auth: AuthService,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Put(PATHS.artifact)
  async put(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() { hash }: ArtifactParam,
  ): Promise<void> {
    const caller = await this.auth.callerOf(request);
    if (caller.kind !== 'token') throw new GatewayError('403_FORBIDDEN', 'the operator holds no artifacts');
    const signature = await this.auth.signatureOf(request, caller.tenant, true);
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
    if (body.length === 0 || body.length > MAX_ARTIFACT_BYTES) {
      throw new GatewayError('413_TOO_LARGE', `an artifact has 1 to ${MAX_ARTIFACT_BYTES} bytes`);
    }
    if (blake3Hash(body) !== hash)
      throw new GatewayError('400_BAD_REQUEST', 'the body does not have this hash');
    if (signature !== null) {
      const { keyId, nonce, requestHash } = signature;
      const isNew = await spendNonce(this.pool, caller.tenant, keyId, nonce, requestHash);
      if (!isNew) throw new GatewayError('409_NONCE_REUSED', 'the nonce was spent by another request');
    }
    await storeArtifact(this.pool, caller.tenant, hash, body);
    await reply
      .status(200)
      .header('Content-Type', 'application/json; charset=utf-8')
      .send(JSON.stringify({ hash, size_bytes: body.length }));
  }

  @Get(PATHS.artifact)
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() { hash }: ArtifactParam,
  ): Promise<void> {
    const { tenant } = await this.auth.callerOf(request);
    const bytes = await findArtifact(this.pool, tenant, hash);
    if (bytes === null) throw new GatewayError('404_NOT_FOUND', 'no such artifact, or not yours');
    await reply
      .header('Content-Type', 'application/octet-stream')
      .header('Cache-Control', 'private, max-age=31536000, immutable')
      .send(Buffer.from(bytes));
  }
}
