import { query, type Pool } from '@logline/postgres';

export const TICKET_LIVES_S = 60;

/** Whose ticket it is: it opens what this token would. */
export type TicketHolder = { readonly tenant: string; readonly tokenHash: string };

/** Remembers a ticket by its hash for a minute. */
export async function issueTicket(pool: Pool, hash: string, holder: TicketHolder): Promise<void> {
  await query(pool, 'delete from stream_ticket where expires_at < now()');
  await query(
    pool,
    `insert into stream_ticket (hash, tenant, token_hash, expires_at)
     values ($1, $2, $3, now() + make_interval(secs => ${TICKET_LIVES_S}))`,
    [hash, holder.tenant, holder.tokenHash],
  );
}

/** The holder a ticket was issued to; null when it is unknown, used or too old. A ticket works once. */
export async function redeemTicket(pool: Pool, hash: string): Promise<TicketHolder | null> {
  const [row] = await query<TicketHolder>(
    pool,
    `delete from stream_ticket where hash = $1 and expires_at > now() returning tenant, token_hash as "tokenHash"`,
    [hash],
  );
  return row ?? null;
}
