import { ContractError, parseFactHeaders, storedFactsOf, STREAMS, type FactPlace } from '@logline/contracts';
import { MsgHdrsImpl, type NatsConnection } from '@nats-io/nats-core';
import { callApi, isRecord } from './api.ts';
import { JetStreamError } from './errors.ts';
import { placeOfFact } from './place-of-fact.ts';

/** A fact as `FACTS` holds it, whole. */
export type StoredFactMessage = {
  readonly sequence: number;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly place: FactPlace;
  /** Of a header by its name; empty where there is none. */
  readonly header: (name: string) => string;
};

const NO_MESSAGE_FOUND = 10037;

/**
 * The first fact of a tenant at or behind a sequence of `FACTS`; null when there is none. One question each, by whoever may read single messages only. What
 * is no fact of the ledger is passed over, see `placeOfFact`.
 * @throws JetStreamError
 */
export async function nextFactOf(
  nc: NatsConnection,
  tenant: string,
  fromSequence: number,
): Promise<StoredFactMessage | null> {
  for (let from = fromSequence; ;) {
    const stored = await readNext(nc, tenant, from);
    if (stored === null) return null;
    const { place, ...message } = stored;
    if (place !== null) return { ...message, place };
    from = stored.sequence + 1;
  }
}

type Next = Omit<StoredFactMessage, 'place'> & { readonly place: FactPlace | null };

async function readNext(nc: NatsConnection, tenant: string, seq: number): Promise<Next | null> {
  let answer: Readonly<Record<string, unknown>>;
  try {
    const question = { seq, next_by_subj: storedFactsOf(tenant) };
    answer = await callApi(nc, `STREAM.MSG.GET.${STREAMS.facts}`, question);
  } catch (error) {
    if (!(error instanceof JetStreamError) || error.apiCode !== NO_MESSAGE_FOUND) throw error;
    return null;
  }
  const { message } = answer;
  if (!isRecord(message) || typeof message['seq'] !== 'number' || typeof message['subject'] !== 'string')
    throw new JetStreamError('BAD_ANSWER', 'a stored message without its sequence or subject');
  const { seq: sequence, subject, data, hdrs } = message;
  const headers = MsgHdrsImpl.decode(Buffer.from(typeof hdrs === 'string' ? hdrs : '', 'base64'));
  const header = (name: string): string => headers.get(name);
  return {
    sequence,
    subject,
    body: Buffer.from(typeof data === 'string' ? data : '', 'base64'),
    header,
    place: placeIn(subject, header),
  };
}

function placeIn(subject: string, header: (name: string) => string): FactPlace | null {
  try {
    return placeOfFact({ subject, place: parseFactHeaders((name) => header(name) || undefined) });
  } catch (error) {
    if (error instanceof ContractError) return null;
    throw error;
  }
}
