import { formatBase64, parseBase64, utf8 } from '@logline/canon-sign';
import { ContractError } from './errors.ts';
import { formatInstant, parseInstant } from './lexical.ts';
import { isPartition } from './streams.ts';

/**
 * A fact as readers get it: the span's canonical bytes, and where it stands in its log. On the bus the second half is headers:
 * CloudEvents binary mode plus ours (protocol §11).
 */
export type FactPlace = {
  readonly tenant: string;
  /** Origin of the log. */
  readonly log: string;
  readonly index: number;
  /** RFC 6962 leaf hash, 64 hex. */
  readonly leaf: string;
  /** Log time of the receipt. */
  readonly timeMs: number;
  /** The receipt's `signature`. */
  readonly receiptSignature: string;
  /** On the last fact of a commit: the signed checkpoint that covers it and all before. */
  readonly checkpoint?: string;
  readonly trace: string;
  /** Of the ledger, where the tenant's log was when the fact went out; 0 where nothing is said. A hint: whoever is asked in the wrong place passes it on. */
  readonly partition?: number;
};

export const FACT_HEADERS = {
  intent: 'ce-type',
  tenant: 'Logline-Tenant',
  log: 'Logline-Log',
  index: 'Logline-Index',
  leaf: 'Logline-Leaf',
  time: 'Logline-Time',
  receiptSignature: 'Logline-Receipt-Signature',
  checkpoint: 'Logline-Checkpoint',
  partition: 'Logline-Partition',
  traceparent: 'traceparent',
} as const;

type CloudEvent = {
  readonly this: string;
  readonly intent: string;
  readonly subject: string;
  readonly ts: string;
};

/** Header pairs of a fact. The checkpoint is base64, since header values cannot hold line feeds. */
export function toFactHeaders(span: CloudEvent, place: FactPlace): readonly (readonly [string, string])[] {
  return [
    ['ce-specversion', '1.0'],
    ['ce-id', span.this],
    ['ce-source', place.log],
    [FACT_HEADERS.intent, span.intent],
    ['ce-subject', span.subject],
    ['ce-time', span.ts],
    ['ce-datacontenttype', 'application/json'],
    [FACT_HEADERS.tenant, place.tenant],
    [FACT_HEADERS.log, place.log],
    [FACT_HEADERS.index, String(place.index)],
    [FACT_HEADERS.leaf, place.leaf],
    [FACT_HEADERS.time, formatInstant(place.timeMs)],
    [FACT_HEADERS.receiptSignature, place.receiptSignature],
    [FACT_HEADERS.traceparent, `00-${place.trace}-${place.trace.slice(16)}-01`],
    ...(place.partition === undefined || place.partition === 0
      ? []
      : [[FACT_HEADERS.partition, String(place.partition)] as const]),
    ...(place.checkpoint === undefined
      ? []
      : [[FACT_HEADERS.checkpoint, formatBase64(utf8(place.checkpoint))] as const]),
  ];
}

/** @throws ContractError `BAD_HEADERS` when a header the ledger always writes is absent or malformed */
export function parseFactHeaders(read: (name: string) => string | undefined): FactPlace {
  const need = (name: string): string => {
    const value = read(name);
    if (value === undefined || value === '')
      throw new ContractError('BAD_HEADERS', `a fact has no header ${name}`);
    return value;
  };
  const tenant = need(FACT_HEADERS.tenant);
  const log = need(FACT_HEADERS.log);
  const index = Number(need(FACT_HEADERS.index));
  const leaf = need(FACT_HEADERS.leaf);
  const timeMs = parseInstant(need(FACT_HEADERS.time));
  const receiptSignature = need(FACT_HEADERS.receiptSignature);
  const trace = read(FACT_HEADERS.traceparent)?.split('-')[1] ?? '0'.repeat(32);
  const partition = Number(read(FACT_HEADERS.partition) ?? 0);
  const checkpoint = read(FACT_HEADERS.checkpoint);
  if (!Number.isSafeInteger(index) || index < 0 || timeMs === null || !/^[0-9a-f]{64}$/.test(leaf)) {
    throw new ContractError('BAD_HEADERS', 'a fact has a malformed index, time or leaf hash');
  }
  return {
    tenant,
    log,
    index,
    leaf,
    timeMs,
    receiptSignature,
    ...(checkpoint === undefined || checkpoint === '' ? {} : { checkpoint: decodeCheckpoint(checkpoint) }),
    // a hint that is none is left aside
    ...(isPartition(partition) && partition > 0 ? { partition } : {}),
    trace,
  };
}

const TEXT = new TextDecoder('utf-8', { fatal: true });

function decodeCheckpoint(base64: string): string {
  try {
    return TEXT.decode(parseBase64(base64));
  } catch (cause) {
    throw new ContractError('BAD_HEADERS', 'a fact has a malformed checkpoint header', { cause });
  }
}
