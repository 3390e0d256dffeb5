import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { blake3Hash, utf8 } from '@logline/canon-sign';
import { isName } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { GatewayConfig } from '../config.ts';
import { addressGroup } from '../domain/address-group.ts';
import { RateLimiter } from '../domain/rate-limit.ts';
import { checkPayloadHash, verifySignature, type RequestSignature } from '../domain/request-auth.ts';
import { GatewayError } from '../errors.ts';
import { findActiveKey, findToken, type TokenRow } from '../storage/caller-views.ts';
import { POOL } from '../storage/pool.ts';
import { toHttpRequest } from './http-request.ts';
import { Moves } from './moves.ts';

/** A holder of one of the tenant's API tokens. `tokenHash` is the token's BLAKE3. */
export type TokenCaller = {
  readonly kind: 'token';
  readonly tenant: string;
  readonly token: string;
  readonly tokenHash: string;
};
/** Who asks, and for which tenant. */
export type Caller = TokenCaller | { readonly kind: 'operator'; readonly tenant: string };

/** What a route asks of the seven headers of a signed request: all of them, or those that are there to be good (protocol §7). */
export type SignatureDemand = 'due' | 'checked when there';

/** Tokens and keys remembered for a moment; a revoked one still reads for as long, and never writes: the gate knows exactly. */
const REMEMBER_MS = 1000;
const REMEMBERED = 10_000;
const TOKEN_FORM = /^ApiKey ([A-Za-z0-9_.-]{20,200})$/i;

/** Authenticates requests in the order of protocol §7: size (the server's), API token, payload hash, signature, timestamp. */
@Injectable()
export class AuthService {
  private readonly authorities: ReadonlySet<string>;
  private readonly operatorKeys: ReadonlyMap<string, string>;
  private readonly limiter: RateLimiter;
  private readonly strangers: RateLimiter;
  private readonly tokens = new Map<string, { row: TokenRow; untilMs: number }>();
  private readonly keys = new Map<string, { pub: string; untilMs: number }>();
  /** What is being asked of the database: many requests at once ask the same. */
  private readonly asking = new Map<string, Promise<unknown>>();

  constructor(
    @Inject(GatewayConfig) private readonly config: GatewayConfig,
    @Inject(POOL) private readonly pool: Pool,
    private readonly moves: Moves,
  ) {
    this.authorities = new Set(config.authorities.split(','));
    this.operatorKeys = new Map(
      config.operatorKeys.split(',').map((key) => [key.split(':')[0] ?? '', key.split(':')[1] ?? '']),
    );
    this.limiter = new RateLimiter(config.requestsPerSecond);
    this.strangers = new RateLimiter(config.strangerRequestsPerSecond);
  }

  /**
   * The caller of a request, from its API token and `X-Tenant-Id`. Says in the answer's headers how much of the rate is left.
   * @throws GatewayError `401_UNAUTHORIZED`, `429_RATE_LIMITED`, `403_FORBIDDEN` for the operator, who may only write
   */
  async callerOf(request: FastifyRequest, reply: FastifyReply): Promise<TokenCaller> {
    const caller = await this.writerOf(request, reply);
    if (caller.kind === 'token') return caller;
    throw new GatewayError('403_FORBIDDEN', "the operator's token creates tenants and reads nothing of them");
  }

  /** As `callerOf`, and also the operator. @throws GatewayError `401_UNAUTHORIZED`, `429_RATE_LIMITED` */
  async writerOf(request: FastifyRequest, reply: FastifyReply): Promise<Caller> {
    const { tenant, tokenHash } = readCredentials(request);
    if (tokenHash === this.config.operatorTokenHash) {
      this.takeRate('operator', reply);
      return { kind: 'operator', tenant };
    }
    const row = await this.tokenRow(tenant, tokenHash);
    if (!isGood(row))
      throw new GatewayError('401_UNAUTHORIZED', 'the API token is unknown, expired or revoked');
    this.takeRate(`${tenant}/${row.token_id}`, reply);
    return { kind: 'token', tenant, token: row.token_id, tokenHash };
  }

  /** Whether a token is still good: what holds a connection open asks now and then. */
  async isActive(tenant: string, tokenHash: string): Promise<boolean> {
    return isGood(await this.recall(tenant, tokenHash));
  }

  /** The verified request signature, or null where none is due and none was sent. @throws GatewayError */
  async signatureOf(
    request: FastifyRequest,
    tenant: string,
    demand: SignatureDemand,
    by: Caller['kind'] = 'token',
  ): Promise<RequestSignature | null> {
    const http = toHttpRequest(request);
    checkPayloadHash(http);
    const rules = { authorities: this.authorities, mustBeSigned: demand === 'due', nowMs: Date.now() };
    return verifySignature(http, rules, async (kid) =>
      by === 'operator' ? (this.operatorKeys.get(kid) ?? null) : this.publicKeyOf(tenant, kid),
    );
  }

  /** As `signatureOf`, where it is due. @throws GatewayError */
  async dueSignatureOf(request: FastifyRequest, tenant: string): Promise<RequestSignature> {
    const signature = await this.signatureOf(request, tenant, 'due');
    if (signature === null) throw new GatewayError('401_UNAUTHORIZED', 'the request must be signed');
    return signature;
  }

  /** Counts a request that shows no token against its address. @throws GatewayError `429_RATE_LIMITED` */
  countStranger(request: FastifyRequest, reply: FastifyReply): void {
    this.takeRate(addressGroup(request.ip), reply, this.strangers);
  }

  private takeRate(caller: string, reply: FastifyReply, limiter: RateLimiter = this.limiter): void {
    const { isAllowed, left, retryAfterS } = limiter.take(caller, performance.now());
    void reply.header('RateLimit-Policy', `"default";q=${limiter.perSecond};w=1`);
    void reply.header('RateLimit', `"default";r=${left};t=${isAllowed ? 1 : retryAfterS}`);
    if (!isAllowed)
      throw new GatewayError(
        '429_RATE_LIMITED',
        limiter === this.limiter
          ? 'too many requests with this API token'
          : 'too many requests from this address',
        { retryAfterS },
      );
  }

  /** A token made a moment ago may not be in the views yet: its first request waits for them. */
  private async tokenRow(tenant: string, hash: string): Promise<TokenRow | null> {
    return this.moves.findSoon(tenant, () => this.recall(tenant, hash), 'stranger');
  }

  private async recall(tenant: string, hash: string): Promise<TokenRow | null> {
    const name = `${tenant}/${hash}`;
    const known = this.tokens.get(name);
    if (known !== undefined && known.untilMs > performance.now()) return known.row;
    const row = await this.once(`token ${name}`, () => findToken(this.pool, tenant, hash));
    if (row !== null) remember(this.tokens, name, { row, untilMs: performance.now() + REMEMBER_MS });
    return row;
  }

  private async publicKeyOf(tenant: string, kid: string): Promise<string | null> {
    const name = `${tenant}/${kid}`;
    const known = this.keys.get(name);
    if (known !== undefined && known.untilMs > performance.now()) return known.pub;
    const find = (): Promise<string | null> =>
      this.once(`key ${name}`, () => findActiveKey(this.pool, tenant, kid, Date.now()));
    const pub = await this.moves.findSoon(tenant, find);
    if (pub !== null) remember(this.keys, name, { pub, untilMs: performance.now() + REMEMBER_MS });
    return pub;
  }

  private once<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const asked = this.asking.get(question) as Promise<T> | undefined; // a question has answers of one kind
    if (asked !== undefined) return asked;
    const asking = ask().finally(() => this.asking.delete(question));
    this.asking.set(question, asking);
    return asking;
  }
}

function readCredentials({ headers }: FastifyRequest): { tenant: string; tokenHash: string } {
  const tenant = headers['x-tenant-id'];
  if (typeof tenant !== 'string' || !isName(tenant))
    throw new GatewayError('401_UNAUTHORIZED', 'the header X-Tenant-Id must name a tenant');
  const token = TOKEN_FORM.exec(headers.authorization ?? '')?.[1];
  if (token === undefined) throw new GatewayError('401_UNAUTHORIZED', 'send Authorization: ApiKey <token>');
  return { tenant, tokenHash: blake3Hash(utf8(token)) };
}

function isGood(row: TokenRow | null): row is TokenRow {
  return row?.status === 'active' && (row.exp_ms ?? Infinity) > Date.now();
}

function remember<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.delete(key);
  cache.set(key, value);
  const oldest = cache.keys().next();
  if (cache.size > REMEMBERED && oldest.done !== true) cache.delete(oldest.value);
}
