import type { Log, SealedEntry } from '../domain/seal.ts';
import type { Sql } from './append-connection.ts';
import { concatenate, startsOf } from './concatenate.ts';
import { toUuid } from './find-known.ts';

const INSERT_ENTRIES = {
  name: 'insert_entries',
  text: `
INSERT INTO entry (log_id, idx, verdict_of, ts_ms, this, hash, leaf, receipt_signature, trace, bytes)
SELECT q.log_id, q.idx, q.verdict_of, q.ts_ms, q.this,
       substring($8::bytea FROM (q.n * 32 - 31)::int FOR 32),
       substring($9::bytea FROM (q.n * 32 - 31)::int FOR 32),
       substring($10::bytea FROM (q.n * 64 - 63)::int FOR 64),
       substring($11::bytea FROM (q.n * 16 - 15)::int FOR 16),
       substring($12::bytea FROM q.start FOR q.length)
  FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::int[], $7::int[])
       WITH ORDINALITY AS q(log_id, idx, verdict_of, ts_ms, this, start, length, n)`,
};

const HASH_PREFIX = 'blake3:';

export type EntriesOfCommit = {
  readonly after: Pick<Log, 'logId' | 'timeMs'>;
  readonly entries: readonly Omit<SealedEntry, 'statement' | 'proof'>[];
};

/** Every entry of a commit. A second one at an index, or of an id, is refused by the table's keys. */
export async function insertEntries(sql: Sql, seals: readonly EntriesOfCommit[]): Promise<void> {
  const entries = seals.flatMap(({ after, entries: sealed }) => sealed.map((entry) => ({ ...entry, after })));
  const bytes = entries.map(({ entry }) => entry.bytes);
  await sql.run(INSERT_ENTRIES, [
    entries.map(({ after }) => after.logId),
    entries.map(({ index }) => index),
    entries.map(({ verdictOf }) => verdictOf ?? null),
    entries.map(({ after }) => after.timeMs),
    entries.map(({ entry }) => toUuid(entry.this)),
    startsOf(bytes),
    bytes.map(({ length }) => length),
    Buffer.from(entries.map(({ entry }) => entry.hash.slice(HASH_PREFIX.length)).join(''), 'hex'),
    concatenate(entries.map(({ leaf }) => leaf)),
    concatenate(entries.map(({ signature }) => signature)),
    Buffer.from(entries.map(({ trace }) => trace).join(''), 'hex'),
    concatenate(bytes),
  ]);
}
