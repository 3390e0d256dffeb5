import { query, type PoolClient } from '@logline/postgres';
import type { LogGrowth } from '../domain/log-view.ts';

/** Told once the transaction is committed, as `<tenant>:<last index>`; the gateway's streams wake on it. */
export const MOVED_CHANNEL = 'views_moved';

const SQL = {
  name: 'notify-moved',
  text: 'select pg_notify($1, payload) from unnest($2::text[]) as payload',
};

export async function notifyMoved(client: PoolClient, growths: readonly LogGrowth[]): Promise<void> {
  const payloads = growths.map(({ log: { tenant, edge } }) => `${tenant}:${edge.size - 1n}`);
  await query(client, SQL, [MOVED_CHANNEL, payloads]);
}
