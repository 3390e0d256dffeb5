import { ContractError, parseFactHeaders, storedFactsOf, STREAMS, type FactPlace } from '@logline/contracts';
import { MsgHdrsImpl, type NatsConnection } from '@nats-io/nats-core';
import { callApi, isRecord } from './api.ts';
import { JetStreamError } from './errors.ts';
import { placeOfFact } from './place-of-fact.ts';

export type LastFact = {
  /** Log index of the tenant's last stored fact. */
  readonly index: number;
  /** Its sequence in `FACTS`. */
  readonly sequence: number;
  readonly place: FactPlace;
};

const NO_MESSAGE_FOUND = 10037;

/**
 * The last fact of a tenant that `FACTS` holds, read from the leader, so never stale; null when it holds none. What is no fact of
 * the ledger is passed over, see `placeOfFact`.
 * @throws JetStreamError
 */
export async function lastFactOf(nc: NatsConnection, tenant: string): Promise<LastFact | null> {
  let stored = await readStored(nc, { last_by_subj: storedFactsOf(tenant) });
  // one after the other, since the server finds by subject only forwards; what is passed over here is a rarity
  while (stored !== null && stored.place?.tenant !== tenant)
    stored = stored.sequence <= 1 ? null : await readStored(nc, { seq: stored.sequence - 1 });
  if (stored === null || stored.place === null) return null;
  const { sequence, place } = stored;
  return { index: place.index, sequence, place };
}

type Stored = { readonly sequence: number; readonly place: FactPlace | null };

async function readStored(
  nc: NatsConnection,
  question: { readonly last_by_subj: string } | { readonly seq: number },
): Promise<Stored | null> {
  let answer: Readonly<Record<string, unknown>>;
  try {
    answer = await callApi(nc, `STREAM.MSG.GET.${STREAMS.facts}`, question);
  } catch (error) {
    if (!(error instanceof JetStreamError) || error.apiCode !== NO_MESSAGE_FOUND) throw error;
    // facts that aged leave holes only before all that is left
    return null;
  }
  const { message } = answer;
  if (!isRecord(message) || typeof message['seq'] !== 'number' || typeof message['subject'] !== 'string')
    throw new JetStreamError('BAD_ANSWER', 'a stored message without its sequence or subject');
  return { sequence: message['seq'], place: placeIn(message['subject'], message['hdrs']) };
}

function placeIn(subject: string, encoded: unknown): FactPlace | null {
  if (typeof encoded !== 'string') return null;
  const headers = MsgHdrsImpl.decode(Buffer.from(encoded, 'base64'));
  try {
    return placeOfFact({ subject, place: parseFactHeaders((name) => headers.get(name) || undefined) });
  } catch (error) {
    if (error instanceof ContractError) return null;
    throw error;
  }
}
