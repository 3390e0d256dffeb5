import { ANCHOR_BUCKET, anchorOf } from '@logline/contracts';
import { callApi, JetStreamError, Publisher } from '@logline/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Anchor, formatAnchor, parseAnchor } from '../domain/anchor.ts';

/** An anchor with its place in the bucket's stream, which the next one is compared to; 0 where nothing lies, undefined for what is none. */
export type StoredAnchor = { readonly anchor: Anchor | undefined; readonly sequence: number };

const NO_MESSAGE_FOUND = 10037;
const EXPECTED = 'Nats-Expected-Last-Subject-Sequence';
/** Short, since a turn's replies wait for it, and what comes of it is found out by reading. */
const TIMEOUT_MS = 2_000;

/** Where anchors are: read from the stream's leader, never stale, and set by compare-and-set alone. */
export interface AnchorStore {
  /** @throws JetStreamError */
  read(partition: number): Promise<StoredAnchor>;
  /**
   * Its sequence, when the last one was at `expected` (0: there was none). After UNAVAILABLE it may be set or not.
   * @throws JetStreamError `CONFLICT` when the last one is another
   */
  set(anchor: Anchor, expected: number): Promise<number>;
}

/** In a KV bucket of the ledger alone, in raw protocol: the client's own would ask for more permissions. */
export function anchorStore(nc: NatsConnection): AnchorStore {
  const publisher = new Publisher(nc);
  return {
    read: async (partition) => {
      const message = await lastOf(nc, anchorOf(partition));
      if (message === undefined) return { anchor: undefined, sequence: 0 };
      const { seq, data } = Object(message) as { seq?: unknown; data?: unknown }; // checked below
      if (typeof seq !== 'number') throw new JetStreamError('BAD_ANSWER', 'an anchor without its sequence');
      const bytes = Buffer.from(typeof data === 'string' ? data : '', 'base64');
      return { anchor: parseAnchor(bytes, partition), sequence: seq };
    },
    set: async (anchor, expected) => {
      // once: a second attempt after a lost answer would be compared to the first one's success
      const { sequence } = await publisher.publish(anchorOf(anchor.partition), formatAnchor(anchor), {
        headers: [[EXPECTED, String(expected)]],
        timeoutMs: TIMEOUT_MS,
        attempts: 1,
      });
      return sequence;
    },
  };
}

async function lastOf(nc: NatsConnection, subject: string): Promise<unknown> {
  try {
    return (await callApi(nc, `STREAM.MSG.GET.KV_${ANCHOR_BUCKET}`, { last_by_subj: subject }))['message'];
  } catch (error) {
    if (error instanceof JetStreamError && error.apiCode === NO_MESSAGE_FOUND) return undefined;
    throw error;
  }
}
