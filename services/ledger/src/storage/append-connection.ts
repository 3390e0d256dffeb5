import pg from 'pg';
import { PostgresError, toPostgresError } from '@logline/postgres';

/** A statement that PostgreSQL plans once per connection. */
export type Statement = { readonly name: string; readonly text: string };
export type Row = Readonly<Record<string, unknown>>;

/** Whoever runs statements: the append connection, or a client of a pool. */
export interface Sql {
  run(
    statement: Statement,
    values: readonly unknown[],
  ): Promise<{ readonly rows: readonly Row[]; readonly count: number }>;
}

const INT8 = 20;
const types = {
  // indexes, sizes and times are below 2^53 here, as in every contract
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
};

export type Transaction = {
  /** Sent at once, in order, without waiting for each other. */
  readonly statements: () => readonly Promise<unknown>[];
  readonly meanwhile: () => void;
  readonly beforeCommit: () => void;
};

/**
 * Batches are answered by index, whatever the planner thinks of a table it has not analysed yet. A transaction holds the lease's row: one whose
 * process is frozen, or whose host is gone, must not keep the next leader waiting.
 */
const SESSION =
  '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off -c synchronous_commit=on -c statement_timeout=30s -c idle_in_transaction_session_timeout=5s';

/**
 * The one connection that appends. Statements are pipelined: a turn's writes go out in one flight, answered in order. One turn at a time.
 * After any error the connection is thrown away, and with it whatever it had not committed; the next turn opens another.
 */
export class AppendConnection implements Sql {
  readonly #url: string;
  #client: pg.Client | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** @throws PostgresError */
  async open(): Promise<void> {
    if (this.#client !== undefined) return;
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'ledger append',
      pipeline: true,
      options: SESSION,
      connectionTimeoutMillis: 5_000,
      // longer than the server's own: for a server that does not answer at all
      query_timeout: 35_000,
      keepAlive: true,
    });
    client.on('error', () => this.#forget(client)); // idle connection lost; without a listener the process would end
    try {
      await client.connect();
    } catch (error) {
      throw toPostgresError(error);
    }
    this.#client = client;
  }

  async run(
    { name, text }: Statement,
    values: readonly unknown[],
  ): Promise<{ rows: readonly Row[]; count: number }> {
    const client = this.#client;
    if (client === undefined) throw new PostgresError('UNAVAILABLE', 'the append connection is not open');
    try {
      const { rows, rowCount } = await client.query<Row>({ name, text, values: [...values], types });
      return { rows, count: rowCount ?? 0 };
    } catch (error) {
      throw toPostgresError(error);
    }
  }

  /**
   * All of it, or nothing. The statements leave in one write; `meanwhile` runs while PostgreSQL is busy with them, `beforeCommit` when they
   * have succeeded, and either rolls back by throwing.
   * @throws PostgresError `COMMIT_UNKNOWN` when the answer to COMMIT is lost; whatever else is thrown, nothing was committed
   */
  async transaction({ statements, meanwhile, beforeCommit }: Transaction): Promise<void> {
    try {
      const sent = this.#inOneWrite(() => [this.run(BEGIN, []), ...statements()]);
      const results = await Promise.allSettled([...sent, attempt(meanwhile)]);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      beforeCommit();
    } catch (error) {
      this.close();
      throw error;
    }
    try {
      await this.run(COMMIT, []);
    } catch (cause) {
      this.close();
      throw new PostgresError('COMMIT_UNKNOWN', 'the answer to COMMIT was lost', { cause });
    }
  }

  #inOneWrite<T>(send: () => T): T {
    const stream = this.#client?.connection.stream;
    stream?.cork();
    try {
      return send();
    } finally {
      stream?.uncork();
    }
  }

  /** PostgreSQL rolls back what a lost connection had begun. */
  close(): void {
    const client = this.#client;
    this.#client = undefined;
    void client?.end().catch(() => undefined);
  }

  #forget(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined;
  }
}

const BEGIN = { name: 'begin', text: 'BEGIN' };
const COMMIT = { name: 'commit', text: 'COMMIT' };

// one that throws must not leave the statements behind unwatched
async function attempt(work: () => void): Promise<void> {
  work();
}
