import { query, type PoolClient } from '@logline/postgres';
import type { Fact } from '../domain/fact.ts';
import type { LogGrowth } from '../domain/log-view.ts';
import { ProjectorError } from '../errors.ts';

/**
 * Stores what a run of facts adds to a log's view. One statement a table, arrays unnested. Moves the log's size from where it
 * was, so that two projectors cannot both have written.
 * @throws ProjectorError `MOVED` when the size in the database is not the one this growth began from
 */
export async function saveGrowth(
  client: PoolClient,
  { log, leaves, tiles }: LogGrowth,
  facts: readonly Fact[],
): Promise<void> {
  const { tenant, edge } = log;
  const from = edge.size - BigInt(facts.length);
  const moved = await query<{ size: string }>(
    client,
    `insert into log as l (tenant, origin, size) select $1, $2, $4 where $3 = 0::bigint
       or exists (select 1 from log where tenant = $1 and size = $3)
     on conflict (tenant) do update set size = excluded.size where l.size = $3 returning size`,
    [tenant, facts[0]?.place.log ?? '', from, edge.size],
  );
  if (moved.length !== 1)
    throw new ProjectorError('MOVED', `the view of ${tenant} is not at ${from} any more`);
  await query(
    client,
    `insert into span (tenant, idx, this, intent, subject, log_time_ms, leaf, receipt_signature, bytes)
     select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::text[], $9::bytea[])`,
    [
      tenant,
      facts.map(({ place }) => place.index),
      facts.map(({ span }) => span.this),
      facts.map(({ span }) => span.intent),
      facts.map(({ span }) => span.subject),
      facts.map(({ place }) => place.timeMs),
      leaves.map((leaf) => Buffer.from(leaf)),
      facts.map(({ place }) => place.receiptSignature),
      facts.map(({ bytes }) => Buffer.from(bytes)),
    ],
  );
  const checkpoints = facts.flatMap(({ place }) =>
    place.checkpoint === undefined ? [] : [{ size: place.index + 1, note: place.checkpoint }],
  );
  if (checkpoints.length > 0) {
    await query(
      client,
      'insert into checkpoint (tenant, size, note) select $1, * from unnest($2::bigint[], $3::text[])',
      [tenant, checkpoints.map(({ size }) => size), checkpoints.map(({ note }) => note)],
    );
  }
  if (tiles.length > 0) {
    await query(
      client,
      'insert into tile (tenant, level, n, hashes, root) select $1, * from unnest($2::int[], $3::bigint[], $4::bytea[], $5::bytea[])',
      [
        tenant,
        tiles.map(({ level }) => level),
        tiles.map(({ index }) => index),
        tiles.map(({ hashes }) => Buffer.from(hashes)),
        tiles.map(({ root }) => Buffer.from(root)),
      ],
    );
  }
}
