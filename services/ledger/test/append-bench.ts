import type { LocalSigner } from '@logline/canon-sign';
import {
  type AcceptEnvelope,
  type AckReply,
  formatAckReply,
  formatEnvelope,
  parseAcceptEnvelope,
} from '@logline/contracts';
import { lastFactOf, publishFacts } from '@logline/jetstream';
import { openPool, type Pool } from '@logline/postgres';
import { eventually } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { AnchorKeeper } from '../src/anchor/anchor-keeper.ts';
import { type AnchorStore, anchorStore } from '../src/anchor/anchor.store.ts';
import type { Anchor } from '../src/domain/anchor.ts';
import { loadTip } from '../src/storage/load-tip.ts';
import { AppendService } from '../src/append/append.service.ts';
import { Memory } from '../src/append/memory.ts';
import { logNames } from '../src/lead/log-names.ts';
import { fromStored } from '../src/publish/fact.ts';
import { FactsLane } from '../src/publish/facts-lane.ts';
import { AppendConnection } from '../src/storage/append-connection.ts';
import { onPool } from '../src/storage/on-pool.ts';
import { readFacts } from '../src/storage/read-facts.ts';

export type AppendBenchParts = {
  /** Of the role `ledger`, migrated, and with no ledger running. */
  readonly postgresUrl: string;
  /** Of the user `ledger`: facts go out to the real stream. Without it nothing is published. */
  readonly nc?: NatsConnection;
  readonly signer: LocalSigner;
  /** The second key of an overlap. */
  readonly otherSigner?: LocalSigner;
  readonly origin: string;
  /** What log time is taken from; the real one by default. */
  readonly clock?: () => number;
};

export type AppendBench = {
  /** One envelope, as bytes off the wire; resolves with the bytes of its acks. */
  append(envelope: Uint8Array): Promise<readonly Uint8Array[]>;
  /** Turns so far, and milliseconds spent committing and anchoring. */
  readonly turns: { count: number; commitMs: number; anchorMs: number; entries: number };
  /** Resolves when all facts are out. */
  drained(): Promise<void>;
  close(): Promise<void>;
};

/** The append path of one partition in this process: envelope bytes in, ack bytes out, PostgreSQL and FACTS real, no broker in front. */
export async function openAppendBench({
  postgresUrl,
  nc,
  signer,
  otherSigner,
  origin,
  clock = Date.now,
}: AppendBenchParts): Promise<AppendBench> {
  const pool = openPool(postgresUrl, { name: 'ledger bench', max: 2 });
  const leaseName = 'bench';
  await pool.query(
    `INSERT INTO lease (name, epoch, holder, until) VALUES ($1, 1, 'bench', 'infinity') ON CONFLICT (name) DO UPDATE SET epoch = 1, until = 'infinity'`,
    [leaseName],
  );
  const turns = { count: 0, commitMs: 0, anchorMs: 0, entries: 0 };
  const replies = new Map<string, Uint8Array[]>();
  const lane = new FactsLane({
    publish: async (messages) => (nc === undefined ? undefined : await publishFacts(nc, messages)),
    lastPublished: async (tenant) => (nc === undefined ? -1 : ((await lastFactOf(nc, tenant))?.index ?? -1)),
    readFacts: async ({ logId, tenant }, from, to) =>
      (await readFacts(onPool(pool), logId, from, to)).map((stored) => fromStored(stored, tenant)),
    log: quiet,
  });
  const append = new AppendService({
    partition: 0,
    leaseName,
    anchor: new AnchorKeeper({
      partition: 0,
      leaseName,
      store: nc === undefined ? inMemory(await standing(pool, leaseName)) : anchorStore(nc),
      clock: Date.now,
    }),
    connection: new AppendConnection(postgresUrl),
    memory: new Memory(),
    signer,
    otherSigner,
    nameOf: logNames(origin, signer, otherSigner),
    clock,
    lane,
    answer: (reply, trace, acks: AckReply['acks']) =>
      void replies.get(reply)?.push(formatAckReply({ v: 1, trace, acks })),
    partitions: 1,
    passOn: () => Promise.reject(new Error('no other partition here')),
    recheck: () => Promise.reject(new Error('no gate here')),
    onDeposed: () => undefined,
    metrics: {
      turn: ({ seals, commitMs }) => {
        turns.count++;
        turns.commitMs += commitMs;
        turns.entries += seals.reduce((sum, { entries }) => sum + entries.length, 0);
      },
      anchored: (ms) => (turns.anchorMs += ms),
      failed: () => undefined,
    },
    log: quiet,
  });
  lane.start([]);
  append.lead(1);
  return {
    turns,
    append: async (bytes) => {
      const envelope = parseAcceptEnvelope(bytes);
      const own = envelope.header.requests.map(({ reply }) => reply);
      const acks: Uint8Array[] = [];
      for (const reply of own) replies.set(reply, acks);
      try {
        await append.append(envelope);
        return acks;
      } finally {
        for (const reply of own) replies.delete(reply);
      }
    },
    drained: () => eventually(() => expectNone(lane.backlog), { withinMs: 60_000 }),
    close: async () => {
      await append.stop();
      await lane.stop();
      await pool.end();
    },
  };
}

function expectNone(backlog: number): void {
  if (backlog > 0) throw new Error(`${backlog} facts wait`);
}

/** What an anchor would say if this database had always been this one's. */
async function standing(pool: Pool, leaseName: string): Promise<Anchor | undefined> {
  const { tip, isEmpty, epoch } = await loadTip(onPool(pool), 0, leaseName);
  if (isEmpty) return undefined;
  return {
    partition: 0,
    position: tip.position,
    chain: tip.chain,
    epoch: epoch - 1,
    at: new Date(0).toISOString(),
  };
}

/** Without a broker there is nowhere to put it. */
function inMemory(first: Anchor | undefined): AnchorStore {
  let anchor = first;
  let sequence = 0;
  return {
    read: async () => ({ anchor, sequence }),
    set: async (next) => {
      anchor = next;
      return ++sequence;
    },
  };
}

export type BenchSpan = {
  readonly bytes: Uint8Array;
  readonly writes: string[];
  readonly reads: Record<string, number>;
};

let serial = 0;
/** Judged spans as the gate would send them: one envelope, one request. */
export function benchEnvelope(
  tenant: string,
  spans: readonly BenchSpan[],
  role: 'client' | 'operator' = 'client',
): Uint8Array {
  const nowMs = Date.now();
  const id = (++serial).toString(16).padStart(32, '0');
  const header: AcceptEnvelope = {
    v: 1,
    requests: [
      {
        trace: id,
        reply: `_INBOX.bench.${id}`,
        tenant,
        language: 'en',
        caller: {
          kind: 'token',
          token: 'tok1',
          key: 'root',
          nonce: id,
          request_hash: `blake3:${id}${id}`,
          idempotency_key: id,
          payload_hash: `blake3:${id}${id}`,
        },
        submitted_ms: nowMs,
        deadline_ms: nowMs + 60_000,
        attempt: 0,
        spans: spans.map(({ bytes, reads, writes }, position) => ({
          position,
          length: bytes.length,
          verdict_length: 0,
          role,
          reads,
          writes,
        })),
      },
    ],
  };
  return formatEnvelope(
    header,
    spans.map(({ bytes }) => bytes),
  );
}

const quiet = { debug: () => undefined, info: () => undefined, warn: console.warn, error: console.error };
