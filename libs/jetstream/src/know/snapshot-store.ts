import { setImmediate as nextTick } from 'node:timers/promises';
import { blake3Hash, CanonError, parseStrict, utf8, type JsonValue } from '@logline/canon-sign';
import { parseSnapshotText, snapshotText, TdlnError, type Knowledge } from '@logline/tdln';
import type { NatsConnection } from '@nats-io/nats-core';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { callApi } from '../api.ts';
import { JetStreamError } from '../errors.ts';
import type { Publisher } from '../publisher.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

const POSITION = 'position';
/** Well below the server's `max_payload`. */
const CHUNK_BYTES = 512 * 1024;
const MOST_BYTES = 512 * 1024 * 1024;
/** A millisecond or so of writing. */
const SLICE_CHARACTERS = 128 * 1024;
const CHUNK_HEADER = 'Logline-Snapshot';

export type Saved = {
  /** Knowledge of the tenants whose snapshot is whole. */
  readonly knowledge: readonly Knowledge[];
  /** Position in `FACTS` up to which all of them are complete; 0 when something was lost, so that everything is read again. */
  readonly sequence: number;
};

/**
 * What a service knows of the logs, kept between two starts in its own bucket. Trusted as far as its hashes go, and rebuildable: a snapshot that is
 * missing or damaged costs a longer start, and a republish where the facts have aged. Several processes may write at once; what they mix up is damage.
 */
export class SnapshotStore {
  readonly #nc: NatsConnection;
  readonly #publisher: Publisher;
  readonly #bucket: string;

  constructor(nc: NatsConnection, publisher: Publisher, bucket: string) {
    this.#nc = nc;
    this.#publisher = publisher;
    this.#bucket = bucket;
  }

  /** One tenant, in as many chunks as it needs. */
  async save(knowledge: Knowledge): Promise<void> {
    const bytes = await deflate(await toBytes(snapshotText(knowledge)), { level: 1 });
    const count = Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES));
    const mark = `${blake3Hash(bytes)} ${count}`;
    for (let i = 0; i < count; i++) {
      const chunk = bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
      await this.#put(`tenant.${knowledge.tenant}.${i}`, chunk, [[CHUNK_HEADER, mark]]);
    }
  }

  /** To be called once every tenant with facts up to `sequence` is saved; 0 when that cannot be, so that the next start reads everything. */
  async savePosition(sequence: number): Promise<void> {
    await this.#put(POSITION, utf8(JSON.stringify({ v: 1, sequence })), []);
  }

  /** Whatever is whole. `onFault` hears of each snapshot that is not. */
  async load(onFault: (tenant: string, error: JetStreamError) => void): Promise<Saved> {
    const tenants = await this.#tenants();
    const knowledge: Knowledge[] = [];
    for (const tenant of tenants) {
      try {
        knowledge.push(await this.#loadTenant(tenant));
      } catch (error) {
        if (!(error instanceof JetStreamError)) throw error;
        onFault(tenant, error);
      }
    }
    const isWhole = knowledge.length === tenants.length;
    return { knowledge, sequence: isWhole ? await this.#loadPosition() : 0 };
  }

  async #tenants(): Promise<readonly string[]> {
    const filter = `$KV.${this.#bucket}.tenant.*.0`;
    const { state } = await callApi(this.#nc, `STREAM.INFO.KV_${this.#bucket}`, { subjects_filter: filter });
    const { subjects } = Object(state) as { subjects?: unknown }; // absent when there is none
    return Object.keys(Object(subjects)).map((subject) => subject.split('.')[3] ?? '');
  }

  async #loadTenant(tenant: string): Promise<Knowledge> {
    const first = await this.#get(`tenant.${tenant}.0`);
    const [hash, count] = first?.mark.split(' ') ?? [];
    const chunks = [first?.bytes ?? new Uint8Array()];
    for (let i = 1; i < Number(count); i++) {
      const chunk = await this.#get(`tenant.${tenant}.${i}`);
      if (chunk === null || chunk.mark !== first?.mark)
        throw unusable(`chunk ${i} is not of the same snapshot`);
      chunks.push(chunk.bytes);
    }
    const bytes = Buffer.concat(chunks);
    if (blake3Hash(bytes) !== hash) throw unusable('it does not have the hash it names');
    const knowledge = await parse(bytes);
    if (knowledge.tenant !== tenant) throw unusable(`it is of ${knowledge.tenant}`);
    return knowledge;
  }

  async #loadPosition(): Promise<number> {
    const saved = await this.#get(POSITION);
    const json: unknown = saved === null ? null : parseJson(saved.bytes);
    const { v, sequence } = Object(json) as { v?: unknown; sequence?: unknown }; // whatever is there
    return v === 1 && typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence > 0
      ? sequence
      : 0;
  }

  async #put(key: string, bytes: Uint8Array, headers: readonly (readonly [string, string])[]): Promise<void> {
    await this.#publisher.publish(`$KV.${this.#bucket}.${key}`, bytes, { headers });
  }

  /** Null when there is none. */
  async #get(key: string): Promise<{ readonly bytes: Uint8Array; readonly mark: string } | null> {
    const subject = `$JS.API.DIRECT.GET.KV_${this.#bucket}.$KV.${this.#bucket}.${key}`;
    const reply = await this.#nc.request(subject, undefined, { timeout: 5_000 });
    if (reply.headers?.code === 404) return null;
    return { bytes: reply.data, mark: reply.headers?.get(CHUNK_HEADER) ?? '' };
  }
}

/** Requests are judged between two slices of it. */
async function toBytes(pieces: Iterable<string>): Promise<Buffer> {
  const slices: Buffer[] = [];
  let slice = '';
  for (const piece of pieces) {
    slice += piece;
    if (slice.length < SLICE_CHARACTERS) continue;
    slices.push(Buffer.from(slice));
    slice = '';
    await nextTick();
  }
  return Buffer.concat([...slices, Buffer.from(slice)]);
}

async function parse(bytes: Uint8Array): Promise<Knowledge> {
  try {
    const text = await inflate(bytes, { maxOutputLength: MOST_BYTES });
    return parseSnapshotText(text.toString());
  } catch (cause) {
    if (cause instanceof TdlnError) throw unusable(cause.message, cause);
    if (cause instanceof Error && 'code' in cause) throw unusable('it does not inflate', cause);
    throw cause;
  }
}

function parseJson(bytes: Uint8Array): JsonValue {
  try {
    return parseStrict(bytes);
  } catch (cause) {
    if (cause instanceof CanonError) throw unusable('it is not JSON', cause);
    throw cause;
  }
}

function unusable(why: string, cause?: Error): JetStreamError {
  return new JetStreamError('SNAPSHOT_UNUSABLE', `a snapshot cannot be used: ${why}`, { cause });
}
