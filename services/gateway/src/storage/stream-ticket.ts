import { query, type Pool } from '@logline/postgres';

const LIVES_S = 60;

/** Remembers a ticket by its hash for a minute. */
export async function issueTicket(pool: Pool, hash: string, tenant: string): Promise<void> {
  await query(pool, 'delete from stream_ticket where expires_at < now()', []);
  await query(
    pool,
    `insert into stream_ticket (hash, tenant, expires_at) values ($1, $2, now() + make_interval(secs => ${LIVES_S}))`,
    [hash, tenant],
  );
}

/** The tenant a ticket was issued to; null when it is unknown, used or too old. A ticket works once. */
export async function redeemTicket(pool: Pool, hash: string): Promise<string | null> {
  const [row] = await query<{ tenant: string }>(
    pool,
    'delete from stream_ticket where hash = $1 and expires_at > now() returning tenant',
    [hash],
  );
  return row?.tenant ?? null;
}
