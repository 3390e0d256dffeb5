import { Controller, Get, Inject, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MAX_ARTIFACT_BYTES, PATHS } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { bodyOf } from '../auth/http-request.ts';
import { GatewayConfig } from '../config.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
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
    @Inject(GatewayConfig) private readonly config: GatewayConfig,
  ) {}

  @Put(PATHS.artifact)
  async put(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = await this.auth.callerOf(request, reply);
    const signature = await this.auth.dueSignatureOf(request, tenant);
    const { hash } = parseDto(ArtifactParam, request.params);
    if ((request.headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new GatewayError('415_MEDIA_TYPE', 'an artifact is stored as it is: send no Content-Encoding');
    const body = bodyOf(request);
    if (body.length === 0) throw new GatewayError('400_BAD_REQUEST', 'an artifact has at least one byte');
    if (body.length > MAX_ARTIFACT_BYTES)
      throw new GatewayError('413_TOO_LARGE', `an artifact has at most ${MAX_ARTIFACT_BYTES} bytes`);
    if (signature.payloadHash !== hash)
      throw new GatewayError('400_BAD_REQUEST', 'the body does not have this hash');
    if ((await spendNonce(this.pool, tenant, signature)) === 'of another request')
      throw new GatewayError('409_NONCE_REUSED', 'the nonce was spent by another request');
    const isStored = await storeArtifact(this.pool, tenant, hash, body, this.config.artifactQuotaBytes);
    if (!isStored)
      throw new GatewayError(
        '413_TOO_LARGE',
        `the tenant's artifacts would be more than ${this.config.artifactQuotaBytes} bytes`,
      );
    await reply.send({ hash, size_bytes: body.length });
  }

  @Get(PATHS.artifact)
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = await this.auth.callerOf(request, reply);
    const { hash } = parseDto(ArtifactParam, request.params);
    const bytes = await findArtifact(this.pool, tenant, hash);
    if (bytes === null) throw new GatewayError('404_NOT_FOUND', 'no such artifact, or not yours');
    await reply
      .header('Content-Type', 'application/octet-stream')
      .header('Cache-Control', 'private, max-age=31536000, immutable')
      .header('X-Content-Type-Options', 'nosniff')
      .send(bytes);
  }
}
