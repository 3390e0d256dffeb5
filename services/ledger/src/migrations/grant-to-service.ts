import { inTransaction, openPool, query } from '@logline/postgres';

/** What the service does to each table, and no more. What only grows has no third word; and a table that is missing here is closed to it. */
const GRANTS = {
  log: 'SELECT, INSERT, UPDATE',
  entry: 'SELECT, INSERT',
  tile: 'SELECT, INSERT',
  checkpoint: 'SELECT, INSERT',
  key_write: 'SELECT, INSERT, UPDATE',
  head: 'SELECT, INSERT, UPDATE',
  idempotency: 'SELECT, INSERT, DELETE',
  nonce: 'SELECT, INSERT, DELETE',
  lease: 'SELECT, INSERT, UPDATE',
  partition: 'SELECT, INSERT, UPDATE',
  cosignature: 'SELECT, INSERT, UPDATE, DELETE',
} as const;

/**
 * The service's role may do exactly that, whatever it could do before. By the owner of the tables, which is another role: so the service
 * can neither grant itself more nor drop a trigger. Idempotent; a running service does not notice. @throws PostgresError
 */
export async function grantToService(ownerUrl: string, serviceRole: string): Promise<void> {
  const pool = openPool(ownerUrl, { name: 'ledger migration', max: 1 });
  const role = `"${serviceRole.replaceAll('"', '""')}"`;
  try {
    await inTransaction(pool, async (client) => {
      await query(client, `REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM ${role}`);
      for (const [table, rights] of Object.entries(GRANTS))
        await query(client, `GRANT ${rights} ON ledger.${table} TO ${role}`);
    });
  } finally {
    await pool.end();
  }
}
