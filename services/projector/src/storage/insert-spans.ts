import { query, type PoolClient } from '@logline/postgres';
import type { LogGrowth } from '../domain/log-view.ts';

/** Leaves and entries travel as one binary value each and are cut here: an array of bytea would travel as hex text. */
const SQL = {
  name: 'insert-spans',
  text: `
insert into span (tenant, idx, this, intent, subject, log_time_ms, leaf, receipt_signature, bytes)
select tenant, idx, this, intent, subject, log_time_ms,
  substring($8::bytea from (ordinality - 1)::int * 32 + 1 for 32), receipt_signature, substring($9::bytea from start + 1 for length)
from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $10::int[], $11::int[])
  with ordinality as fact (tenant, idx, this, intent, subject, log_time_ms, receipt_signature, start, length, ordinality)`,
};

/** The entries of some logs, each with its place and leaf hash. */
export async function insertSpans(client: PoolClient, growths: readonly LogGrowth[]): Promise<void> {
  const facts = growths.flatMap((growth) => growth.facts);
  const lengths = facts.map(({ bytes }) => bytes.length);
  let end = 0;
  const starts = lengths.map((length) => (end += length) - length);
  await query(client, SQL, [
    facts.map(({ place }) => place.tenant),
    facts.map(({ place }) => place.index),
    facts.map(({ span }) => span.this),
    facts.map(({ span }) => span.intent),
    facts.map(({ span }) => span.subject),
    facts.map(({ place }) => place.timeMs),
    facts.map(({ place }) => place.receiptSignature),
    Buffer.concat(growths.flatMap(({ leaves }) => leaves)),
    Buffer.concat(facts.map(({ bytes }) => bytes)),
    starts,
    lengths,
  ]);
}
