import type { AcceptEnvelope, AcceptRequest, Envelope, JudgedSpan } from '@logline/contracts';
import { LedgerError } from '../errors.ts';
import { type Entry, parseEntry, parseWaiting } from './entry.ts';

/** What one turn decides: the requests of whole envelopes, in stream order. */
export type Batch = {
  /** The wall clock at the start of the turn. */
  readonly nowMs: number;
  readonly requests: readonly BatchRequest[];
};

/** One request of an envelope, its spans parsed. */
export type BatchRequest = Omit<AcceptRequest, 'spans'> & { readonly spans: readonly BatchSpan[] };

export type BatchSpan = Omit<JudgedSpan, 'length' | 'verdict_length'> & {
  readonly entry: Entry;
  /** Commits with the entry, right behind it. */
  readonly verdict: Entry | undefined;
};

/** @throws LedgerError `BAD_ENTRY` */
export function toRequests({ header, bodies }: Envelope<AcceptEnvelope>): BatchRequest[] {
  let at = 0;
  const next = (): Uint8Array => bodies[at++] ?? NOTHING;
  return header.requests.map((request) => ({
    ...request,
    spans: request.spans.map(({ length: _length, verdict_length, ...span }) => {
      const entry = parseWaiting(next(), request.tenant);
      const verdict = verdict_length > 0 ? parseEntry(next(), request.tenant) : undefined;
      if (verdict?.this === entry.this)
        throw new LedgerError('BAD_ENTRY', 'not a verdict: it has the id of its cause');
      return { ...span, entry, verdict };
    }),
  }));
}

const NOTHING = new Uint8Array(0); // of an envelope that has too few bodies; it is no entry
