import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isName } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { AuthService } from '../auth/auth.service.ts';
import { GatewayError } from '../errors.ts';
import { parseDto } from '../http/parse-dto.ts';
import { findPublication } from '../storage/log-views.ts';
import { POOL } from '../storage/pool.ts';
import { LogParam } from './log.dto.ts';

/** Who reads a log: one of its own tenant, or anybody, where it is published. */
export type LogReader = {
  readonly tenant: string;
  readonly isPublic: boolean;
  /** How long what is missing may be waited for (`Moves.findSoon`). */
  readonly who: 'known' | 'stranger';
};

/** Says who may read which log (protocol §10). To a stranger a private log and one that does not exist are the same. */
@Injectable()
export class LogAccess {
  constructor(
    private readonly auth: AuthService,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  /** @throws GatewayError `404_NOT_FOUND` for a log that is not there or not theirs; `401_UNAUTHORIZED`, `429_RATE_LIMITED` */
  async readerOf(request: FastifyRequest, reply: FastifyReply): Promise<LogReader> {
    const { tenant } = parseDto(LogParam, request.params);
    const log = isName(tenant) ? await findPublication(this.pool, tenant) : null;
    if (log?.isPublic === true) {
      // a page from anywhere may read it, and sees what it needs to read it well
      void reply.header('Access-Control-Allow-Origin', '*');
      void reply.header('Access-Control-Expose-Headers', 'ETag, Request-Id, Retry-After');
      if (await this.isOwn(request, reply, tenant)) return { tenant, isPublic: true, who: 'known' };
      this.auth.countStranger(request, reply);
      return { tenant, isPublic: true, who: 'stranger' };
    }
    void reply.header('Vary', 'Authorization, X-Tenant-Id');
    if (request.headers.authorization === undefined) {
      this.auth.countStranger(request, reply);
      throw notThere();
    }
    const caller = await this.auth.callerOf(request, reply);
    if (log === null || caller.tenant !== tenant) throw notThere();
    return { tenant, isPublic: false, who: 'known' };
  }

  /** A published log is read with a token too: then the token's rate counts and not the address's. A bad one is as good as none. */
  private async isOwn(request: FastifyRequest, reply: FastifyReply, tenant: string): Promise<boolean> {
    if (request.headers.authorization === undefined) return false;
    try {
      return (await this.auth.callerOf(request, reply)).tenant === tenant;
    } catch (error) {
      if (error instanceof GatewayError && ['401_UNAUTHORIZED', '403_FORBIDDEN'].includes(error.code))
        return false;
      throw error;
    }
  }
}

/** The one 404 of a log: nothing in it depends on whether there is one. */
export function notThere(): GatewayError {
  return new GatewayError('404_NOT_FOUND', 'no such log, or nothing of it that you may read');
}
