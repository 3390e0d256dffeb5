import { blake3Hash } from '@logline/canon-sign';
import { ContractError, parseSubject } from '@logline/contracts';
import { LedgerError } from '../errors.ts';
import { LOG_ROTATED, TENANT_CREATED } from './log-keys.ts';

/** What becomes one leaf of a log: the exact canonical bytes of a signed span, and the little the ledger reads of it. */
export type Entry = {
  readonly this: string;
  readonly intent: string;
  readonly subject: string;
  readonly ts: string;
  /** Last client-signed span of the subject, where the span insists on one. */
  readonly prev: string | undefined;
  /** Of the key that signed it, as the span says. */
  readonly kid?: string;
  /** Empty where `parseWaiting` has left it out. */
  readonly payload: Readonly<Record<string, unknown>>;
  readonly bytes: Uint8Array;
  /** `blake3:<64 hex>` of the bytes: the receipt's `hash`. */
  readonly hash: string;
};

const SPAN_ID = /^urn:span:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/; // what the column uuid takes; the gate is stricter
const INTENT = /^[a-z_]+(\.[a-z_]+){1,3}$/;
const TEXT = new TextDecoder('utf-8', { fatal: true });

/**
 * The gate has checked the span whole; here only what the ledger itself relies on.
 * @throws LedgerError `BAD_ENTRY` if the bytes are no span, or its subject belongs to another tenant
 */
export function parseEntry(bytes: Uint8Array, tenant: string): Entry {
  return parse(bytes, tenant, () => true);
}

/**
 * As `parseEntry`, with an empty payload where the ledger reads none: hundreds of spans wait for a commit and then for their way out, and what is left of them
 * is looked at by each collection of garbage.
 */
export function parseWaiting(bytes: Uint8Array, tenant: string): Entry {
  return parse(bytes, tenant, (intent) => READ_PAYLOADS.has(intent));
}
/** For the keys in them (`log-keys.ts`). */
const READ_PAYLOADS: ReadonlySet<string> = new Set([TENANT_CREATED, LOG_ROTATED]);
const NO_PAYLOAD: Entry['payload'] = {};

function parse(bytes: Uint8Array, tenant: string, isHeld: (intent: string) => boolean): Entry {
  const span = parseObject(bytes);
  const { this: id, intent, subject, ts, prev, payload, signature } = span;
  if (typeof id !== 'string' || !SPAN_ID.test(id)) throw badEntry('its id is no span id');
  if (typeof intent !== 'string' || !INTENT.test(intent)) throw badEntry('its intent is no intent');
  if (typeof subject !== 'string' || typeof ts !== 'string') throw badEntry('it has no subject or no time');
  if (prev !== undefined && (typeof prev !== 'string' || !SPAN_ID.test(prev)))
    throw badEntry('its prev is no span id');
  checkSubject(subject, tenant);
  return {
    this: id,
    intent,
    subject,
    ts,
    prev,
    ...(isRecord(signature) && typeof signature['kid'] === 'string' ? { kid: signature['kid'] } : {}),
    payload: isRecord(payload) && isHeld(intent) ? payload : NO_PAYLOAD,
    bytes,
    hash: blake3Hash(bytes),
  };
}

/** The fact's place on the bus is made from it: what could not be published must never be committed. */
function checkSubject(subject: string, tenant: string): void {
  try {
    if (parseSubject(subject).tenant !== tenant) throw badEntry('its subject belongs to another tenant');
  } catch (cause) {
    if (cause instanceof ContractError)
      throw new LedgerError('BAD_ENTRY', 'not a span: its subject is no subject', { cause });
    throw cause;
  }
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(TEXT.decode(bytes));
  } catch (cause) {
    throw new LedgerError('BAD_ENTRY', 'not a span: not JSON', { cause });
  }
  if (!isRecord(value)) throw badEntry('not an object');
  return value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function badEntry(why: string): LedgerError {
  return new LedgerError('BAD_ENTRY', `not a span: ${why}`);
}
