import type { AckInvalid, CanonicalCode } from '@logline/contracts';
import { type SignedSpan, signedSpan, tenantCreatedSpan } from '@logline/testing';
import type { Judged } from '../fake-gate.ts';
import { type Claim, claimOf, isSettled } from './claims.ts';
import { type Clients, type Request, tokenCaller } from './clients.ts';
import type { Traffic } from './schedule.ts';

/** Of a client that is in no hurry; after it, it asks again. */
const WAIT_MS = 1_200;

/** Share of the envelopes that go to the other partition, wherever their tenants are. */
const WRONG_GUESSES = 0.2;

/** What the clients of one run say, and all that they claim to have said. */
export class Conversations {
  readonly claims: Claim[] = [];
  readonly #clients: Clients;
  readonly #tenants: readonly string[];
  readonly #births: Promise<void>[];
  readonly #signal: AbortSignal;
  readonly #random: () => number;
  #nth = 0;

  /** Begins with the births. */
  constructor(parts: {
    clients: Clients;
    tenants: readonly string[];
    signal: AbortSignal;
    random: () => number;
  }) {
    this.#clients = parts.clients;
    this.#tenants = parts.tenants;
    this.#signal = parts.signal;
    this.#random = parts.random;
    this.#births = this.#tenants.map((tenant, at) => {
      const judged: Judged = {
        cause: tenantCreatedSpan({ tenant }),
        role: 'operator',
        reads: { tenant: -1 },
        writes: ['tenant'],
      };
      const birth = { tenant, claims: [this.#claim(tenant, judged)], caller: { kind: 'operator' } } as const;
      // whoever is asked bears it, or passes it on; the first one is where the hits are
      return this.#hold([birth], { isWhereItBelongs: at === 0 });
    });
  }

  /** Every tenant is born. */
  async born(): Promise<void> {
    await Promise.all(this.#births);
  }

  /** Resolves when all of it is answered for good. */
  async have({ tenant: at, what, count, fillBytes }: Traffic): Promise<void> {
    await this.#births[at];
    const tenant = this.#tenants[at] ?? '';
    const fresh = (more: Partial<Judged> = {}, mayBe: readonly CanonicalCode[] = []) =>
      this.#claim(tenant, { cause: this.#span(tenant, fillBytes), ...more }, mayBe);
    const some = () => Array.from({ length: count }, () => fresh({ writes: [`run:${++this.#nth}`] }));
    const name = `${tenant}-${++this.#nth}`;
    switch (what) {
      case 'plain':
        return await this.#hold([{ tenant, claims: some() }]);
      case 'twice':
        return await this.#hold([{ tenant, claims: some() }], { times: 2 });
      case 'again': {
        const request = { tenant, claims: some() };
        await Promise.all([this.#hold([request]), this.#hold([request])]);
        return await this.#hold([request], { atLeastOnce: true });
      }
      case 'shared': {
        const neighbour = (at + 1) % this.#tenants.length;
        await this.#births[neighbour];
        const other = this.#tenants[neighbour] ?? tenant;
        const theirs = this.#claim(other, { cause: this.#span(other, fillBytes) });
        return await this.#hold([
          { tenant, claims: some() },
          { tenant: other, claims: [theirs] },
        ]);
      }
      case 'key':
        return await this.#hold([{ tenant, claims: some(), caller: tokenCaller(name) }]);
      case 'key conflict':
        await this.#hold([{ tenant, claims: some(), caller: tokenCaller(name) }]);
        return await this.#hold([
          {
            tenant,
            claims: [fresh({}, ['409_IDEMPOTENCY_CONFLICT'])],
            caller: tokenCaller(name, 'another'),
          },
        ]);
      case 'nonce conflict': {
        await this.#hold([{ tenant, claims: some(), caller: tokenCaller(name) }]);
        const caller = { ...tokenCaller(name, 'another'), idempotency_key: `${name}-2` };
        return await this.#hold([{ tenant, claims: [fresh({}, ['409_NONCE_REUSED'])], caller }]);
      }
      case 'chain':
        return await this.#chain(tenant, name, count);
      case 'bad prev': {
        const prev = signedSpan({ intent: 'deploy.stop', subject: subjectOf(tenant, 'x'), nth: ++this.#nth })
          .span.this;
        const cause = this.#span(tenant, fillBytes, { prev });
        return await this.#hold([
          { tenant, claims: [this.#claim(tenant, { cause }, ['409_PREV_CONFLICT'])] },
        ]);
      }
      case 'stale': {
        const key = `key:${name}`;
        await this.#hold([{ tenant, claims: [fresh({ writes: [key] })] }]);
        const stale = Array.from({ length: count }, () => fresh({ reads: { [key]: -1 }, writes: [key] }));
        // of its siblings each makes the next one stale once more
        return await this.#hold([{ tenant, claims: stale }], { waitMs: 3 * WAIT_MS });
      }
      case 'verdict':
        return await this.#hold([
          { tenant, claims: this.#judged(tenant, count, { decision: 'allow', ok: true }) },
        ]);
      case 'denial':
        return await this.#hold([
          { tenant, claims: this.#judged(tenant, count, { decision: 'deny', reasons: ['not_today'] }) },
        ]);
      case 'refused':
        return await this.#hold([{ tenant, claims: [fresh({ no: A_NO }, ['403_FORBIDDEN'])] }]);
      case 'same id': {
        const first = fresh();
        await this.#hold([{ tenant, claims: [first] }]);
        const cause = this.#span(tenant, fillBytes, { id: first.judged.cause.span.this });
        return await this.#hold([{ tenant, claims: [this.#claim(tenant, { cause }, ['409_SPAN_EXISTS'])] }]);
      }
      case 'reborn': {
        const cause = tenantCreatedSpan({ tenant, tsMs: Date.UTC(2026, 0, 1) + ++this.#nth });
        const again: Judged = { cause, role: 'operator', writes: ['tenant'] };
        return await this.#hold([
          { tenant, claims: [this.#claim(tenant, again, ['409_SPAN_EXISTS'])], caller: { kind: 'operator' } },
        ]);
      }
      case 'unborn': {
        const nobody = `${tenant}-nobody`;
        const cause = this.#span(nobody, fillBytes);
        return await this.#hold([
          { tenant: nobody, claims: [this.#claim(nobody, { cause }, ['404_NOT_FOUND'])] },
        ]);
      }
      case 'impatient': {
        const request = { tenant, claims: some() };
        await this.#clients.send([request], { waitMs: 1 + Math.floor(this.#random() * 20) });
        return await this.#hold([request]);
      }
      case 'fickle':
        return await this.#clients.send([{ tenant, claims: some() }], {
          waitMs: 1 + Math.floor(this.#random() * 40),
          graceMs: 0,
        });
    }
  }

  async #chain(tenant: string, name: string, count: number): Promise<void> {
    let prev: string | undefined;
    for (let link = 0; link < count && !this.#signal.aborted; link++) {
      const cause = this.#span(tenant, 0, { name, ...(prev === undefined ? {} : { prev }) });
      await this.#hold([{ tenant, claims: [this.#claim(tenant, { cause })] }]);
      prev = cause.span.this;
    }
  }

  #judged(tenant: string, count: number, payload: Readonly<Record<string, unknown>>): readonly Claim[] {
    return Array.from({ length: count }, () => {
      const cause = this.#span(tenant, 0);
      const verdict = signedSpan({
        intent: 'minicontainer.applied',
        subject: cause.span.subject,
        payload,
        nth: ++this.#nth,
      });
      return this.#claim(tenant, { cause, verdict });
    });
  }

  #claim(tenant: string, judged: Judged, mayBe: readonly CanonicalCode[] = []): Claim {
    const claim = claimOf(tenant, judged, mayBe);
    this.claims.push(claim);
    return claim;
  }

  #span(
    tenant: string,
    fillBytes: number,
    { name = `web${this.#nth % 3}`, prev, id }: { name?: string; prev?: string; id?: string } = {},
  ): SignedSpan {
    const nth = ++this.#nth;
    return signedSpan({
      intent: 'deploy.stop',
      subject: subjectOf(tenant, name),
      payload: { nth, fill: 'x'.repeat(fillBytes) },
      nth,
      ...(prev === undefined ? {} : { prev }),
      ...(id === undefined ? {} : { id }),
    });
  }

  /** Until each of them has its receipt, or a no. */
  async #hold(
    requests: readonly Request[],
    { times = 1, waitMs = WAIT_MS, atLeastOnce = false, isWhereItBelongs = false } = {},
  ): Promise<void> {
    const isHeld = () => requests.every(({ claims }) => claims.every(isSettled));
    for (let first = atLeastOnce; (first || !isHeld()) && !this.#signal.aborted; first = false)
      await this.#clients.send(requests, {
        waitMs,
        times,
        partition: isWhereItBelongs || this.#random() > WRONG_GUESSES ? 0 : 1,
      });
  }
}

function subjectOf(tenant: string, name: string): string {
  return `urn:minicontainer:${tenant}/${name}`;
}

const A_NO: AckInvalid = {
  status: 'invalid',
  code: '403_FORBIDDEN',
  http_status: 403,
  details: [{ code: '403_FORBIDDEN', pointer: '', message: 'not by this key', fix: 'use another' }],
  errors: ['not by this key'],
  suggested_reply: '',
  trace_id: '0'.repeat(32),
};
