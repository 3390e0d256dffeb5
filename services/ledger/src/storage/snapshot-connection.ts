import { toPostgresError } from '@logline/postgres';
import pg from 'pg';
import { RawConnection } from './raw-connection.ts';

/**
 * One transaction that only reads and sees one moment of the database, also while a ledger appends to it. Several of them see the same
 * moment when they are given the snapshot of the first.
 */
export class SnapshotConnection extends RawConnection {
  readonly #client: pg.Client;
  /** For others to share, as long as this one is open. */
  readonly snapshot: string;

  private constructor(client: pg.Client, snapshot: string) {
    super(client);
    this.#client = client;
    this.snapshot = snapshot;
  }

  /** @throws PostgresError */
  static async open(url: string, name: string, snapshot?: string): Promise<SnapshotConnection> {
    const client = new pg.Client({
      connectionString: url,
      application_name: name,
      connectionTimeoutMillis: 10_000,
      options: '-c statement_timeout=0 -c jit=off -c work_mem=64MB',
      keepAlive: true,
    });
    client.on('error', () => undefined); // the query in flight rejects by itself
    try {
      await client.connect();
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      if (snapshot !== undefined)
        await client.query(`SET TRANSACTION SNAPSHOT ${pg.escapeLiteral(snapshot)}`);
      const { rows } = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
      return new SnapshotConnection(client, rows[0]?.id ?? '');
    } catch (error) {
      await client.end().catch(() => undefined);
      throw toPostgresError(error);
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}
