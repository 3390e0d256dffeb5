import { parseFactHeaders, storedFactsOf, STREAMS, type FactPlace } from '@logline/contracts';
import { MsgHdrsImpl, type NatsConnection } from '@nats-io/nats-core';
import { callApi, isRecord } from './api.ts';
import { JetStreamError } from './errors.ts';

export type LastFact = {
  /** Log index of the tenant's last stored fact. */
  readonly index: number;
  /** Its sequence in `FACTS`. */
  readonly sequence: number;
  readonly place: FactPlace;
};

const NO_MESSAGE_FOUND = 10037;

/**
 * The last fact of a tenant that `FACTS` holds, read from the leader, so never stale; null when it holds none.
 * @throws JetStreamError
 */
export async function lastFactOf(nc: NatsConnection, tenant: string): Promise<LastFact | null> {
  let answer: Readonly<Record<string, unknown>>;
  try {
    answer = await callApi(nc, `STREAM.MSG.GET.${STREAMS.facts}`, { last_by_subj: storedFactsOf(tenant) });
  } catch (error) {
    if (error instanceof JetStreamError && error.apiCode === NO_MESSAGE_FOUND) return null;
    throw error;
  }
  const { message } = answer;
  if (!isRecord(message) || typeof message['seq'] !== 'number' || typeof message['hdrs'] !== 'string') {
    throw new JetStreamError('BAD_ANSWER', `the last fact of ${tenant} has no headers`);
  }
  const headers = MsgHdrsImpl.decode(Buffer.from(message['hdrs'], 'base64'));
  const place = parseFactHeaders((name) => headers.get(name) || undefined);
  return { index: place.index, sequence: message['seq'], place };
}
