import type { Caller } from '@logline/contracts';
import type { Batch, BatchRequest, BatchSpan } from '../src/domain/batch.ts';
import type { Known, LogPosition } from '../src/domain/known.ts';

/** Builders for the tests of the decider: spans without signatures, hashes that only differ. */

export const NOTHING: Known = {
  logs: new Map(),
  spans: new Map(),
  heads: new Map(),
  writes: new Map(),
  idempotency: new Map(),
  nonces: new Map(),
};

export const nameOf = (tenant: string) => ({ origin: `logs.test/${tenant}`, logKey: `vkey-${tenant}` });

export function born(
  log: Omit<LogPosition, 'keys'> & Partial<LogPosition>,
  tenant = 'acme',
  known: Known = NOTHING,
): Known {
  const keys = { key: nameOf(tenant).logKey };
  return { ...known, logs: new Map([...known.logs, [tenant, { keys, ...log }]]) };
}

export function idOf(n: number): string {
  return `urn:span:00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

export type SpanWishes = {
  readonly tenant?: string;
  readonly subject?: string;
  readonly intent?: string;
  readonly payload?: Record<string, unknown>;
  /** Makes bytes and hash differ. */
  readonly text?: string;
  readonly prev?: string;
  readonly verdict?: number;
  readonly role?: BatchSpan['role'];
  readonly reads?: Record<string, number>;
  readonly writes?: readonly string[];
  readonly validUntilMs?: number;
  readonly no?: boolean;
};

export function aSpan(n: number, wishes: SpanWishes = {}): BatchSpan {
  const {
    tenant = 'acme',
    subject = `urn:minicontainer:${tenant}/web`,
    intent = 'deploy.apply',
    payload = {},
    text = '',
  } = wishes;
  const entryOf = (id: number, what: string) => ({
    this: idOf(id),
    intent,
    subject,
    ts: '2026-01-01T00:00:00Z',
    prev: wishes.prev,
    payload,
    bytes: new Uint8Array([id & 0xff]),
    hash: `hash of ${id} ${what}`,
  });
  return {
    position: n,
    role: wishes.role ?? 'client',
    reads: wishes.reads ?? {},
    writes: [...(wishes.writes ?? [])],
    ...(wishes.validUntilMs === undefined ? {} : { valid_until_ms: wishes.validUntilMs }),
    ...(wishes.no ? { no: A_NO } : {}),
    entry: entryOf(n, text),
    verdict:
      wishes.verdict === undefined
        ? undefined
        : { ...entryOf(wishes.verdict, `verdict of ${n} ${text}`), prev: undefined },
  };
}

const A_NO = {
  status: 'invalid' as const,
  code: '403_FORBIDDEN' as const,
  http_status: 403,
  details: [],
  errors: [],
  suggested_reply: '',
  trace_id: '',
};

export type RequestWishes = {
  readonly tenant?: string;
  readonly caller?: Caller;
  readonly deadlineMs?: number;
  readonly attempt?: number;
  readonly spans: readonly BatchSpan[];
};

export function aRequest({
  tenant = 'acme',
  caller = { kind: 'own', user: 'test' },
  deadlineMs = 1e12,
  attempt = 0,
  spans,
}: RequestWishes): BatchRequest {
  return {
    trace: 'f'.repeat(32),
    reply: 'inbox',
    tenant,
    language: 'en',
    caller,
    submitted_ms: 0,
    deadline_ms: deadlineMs,
    attempt,
    spans,
  };
}

export function aBatch(requests: readonly BatchRequest[], nowMs = 1500): Batch {
  return { nowMs, requests };
}
