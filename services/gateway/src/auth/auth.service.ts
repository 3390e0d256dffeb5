import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { blake3Hash, utf8 } from '@logline/canon-sign';
import { isName } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { GatewayConfig } from '../config.ts';
import { RateLimiter } from '../domain/rate-limit.ts';
import { checkPayloadHash, verifySignature, type RequestSignature } from '../domain/request-auth.ts';
import { GatewayError } from '../errors.ts';
import { findActiveKey, findToken, type TokenRow } from '../storage/caller-views.ts';
import { POOL } from '../storage/pool.ts';
import { toHttpRequest } from './http-request.ts';
import { Moves } from './moves.ts';

/** Who asks, and for which tenant. */
export type Caller =
  | { readonly kind: 'token'; readonly tenant: string; readonly token: string }
  | { readonly kind: 'operator'; readonly tenant: string };

/** Tokens and keys remembered for a moment; a revoked one still reads for as long, and never writes: the gate knows exactly. */
const REMEMBER_MS = 1000;
const REMEMBERED = 10_000;
/** A token made a moment ago may not be in the views yet: so long may its first request wait for them. */
const VIEWS_LAG_MS = 1000;
const MOST_WAITING = 256;
const TOKEN_FORM = /^ApiKey (lltok_[A-Za-z0-9.-]{1,64}_[A-Za-z0-9_-]{43}|[A-Za-z0-9_.-]{20,200})$/;

/** Authenticates requests in the order of protocol §7: size (the server's), API token, payload hash, signature, timestamp. */
@Injectable()
export class AuthService {
  private readonly authorities: ReadonlySet<string>;
  private readonly limiter: RateLimiter;
  private readonly tokens = new Map<string, { row: TokenRow; untilMs: number }>();
  private readonly keys = new Map<string, { pub: string; untilMs: number }>();
  private waiting = 0;

  constructor(
    @Inject(GatewayConfig) private readonly config: GatewayConfig,
    @Inject(POOL) private readonly pool: Pool,
    private readonly moves: Moves,
  ) {
    this.authorities = new Set(config.authorities.split(','));
    this.limiter = new RateLimiter(config.requestsPerSecond);
  }

  /**
   * The caller of a request, from its API token and `X-Tenant-Id`.
   * @throws GatewayError `401_UNAUTHORIZED`, `429_RATE_LIMITED`
   */
  async callerOf(request: FastifyRequest): Promise<Caller> {
    const tenant = request.headers['x-tenant-id'];
    if (typeof tenant !== 'string' || !isName(tenant)) {
      throw new GatewayError('401_UNAUTHORIZED', 'the header X-Tenant-Id must name a tenant');
    }
    const hash = this.tokenHashOf(request);
    if (hash === this.config.operatorTokenHash) return { kind: 'operator', tenant };
    const row = await this.tokenRow(tenant, hash);
    const isGood = row?.tenant === tenant && row.status === 'active' && (row.exp_ms ?? Infinity) > Date.now();
    if (row === null || !isGood)
      throw new GatewayError('401_UNAUTHORIZED', 'the API token is unknown, expired or revoked');
    const rate = this.limiter.take(`${tenant}/${row.token_id}`, Date.now());
    if (!rate.isAllowed) {
      throw new GatewayError('429_RATE_LIMITED', 'too many requests with this API token', {
        retryAfterS: rate.retryAfterS,
      });
    }
    return { kind: 'token', tenant, token: row.token_id };
  }

  /** The verified request signature, or null where none is due and none was sent. @throws GatewayError */
  async signatureOf(
    request: FastifyRequest,
    tenant: string,
    mustBeSigned: boolean,
  ): Promise<RequestSignature | null> {
    const http = toHttpRequest(request);
    checkPayloadHash(http);
    const rules = { authorities: this.authorities, mustBeSigned, nowMs: Date.now() };
    return verifySignature(http, rules, (kid) => this.publicKeyOf(tenant, kid));
  }

  private tokenHashOf(request: FastifyRequest): string {
    const token = TOKEN_FORM.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) {
      throw new GatewayError('401_UNAUTHORIZED', 'send Authorization: ApiKey <token>');
    }
    return blake3Hash(utf8(token));
  }

  private async tokenRow(tenant: string, hash: string): Promise<TokenRow | null> {
    const known = this.tokens.get(hash);
    if (known !== undefined && known.untilMs > Date.now()) return known.row;
    const row =
      (await findToken(this.pool, hash)) ??
      (await this.afterNextMove(tenant, () => findToken(this.pool, hash)));
    if (row !== null) remember(this.tokens, hash, { row, untilMs: Date.now() + REMEMBER_MS });
    return row;
  }

  private async publicKeyOf(tenant: string, kid: string): Promise<string | null> {
    const name = `${tenant}/${kid}`;
    const known = this.keys.get(name);
    if (known !== undefined && known.untilMs > Date.now()) return known.pub;
    const find = (): Promise<string | null> => findActiveKey(this.pool, tenant, kid, Date.now());
    const pub = (await find()) ?? (await this.afterNextMove(tenant, find));
    if (pub !== null) remember(this.keys, name, { pub, untilMs: Date.now() + REMEMBER_MS });
    return pub;
  }

  /** Looks again whenever the tenant's views have moved, for a moment. Few may wait at once: this is a courtesy, not a queue. */
  private async afterNextMove<T>(tenant: string, find: () => Promise<T | null>): Promise<T | null> {
    if (this.waiting >= MOST_WAITING) return null;
    this.waiting += 1;
    try {
      const deadlineMs = Date.now() + VIEWS_LAG_MS;
      for (let leftMs = VIEWS_LAG_MS; leftMs > 0; leftMs = deadlineMs - Date.now()) {
        await this.moves.next(tenant, leftMs);
        const found = await find();
        if (found !== null) return found;
      }
      return null;
    } finally {
      this.waiting -= 1;
    }
  }
}

function remember<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.delete(key);
  cache.set(key, value);
  const oldest = cache.keys().next();
  if (cache.size > REMEMBERED && oldest.done !== true) cache.delete(oldest.value);
}
