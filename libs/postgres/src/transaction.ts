import type pg from 'pg';
import type { Pool, PoolClient } from './pool.ts';
import { PostgresError, sqlStateOf, toPostgresError } from './errors.ts';

/**
 * Runs `work` in one transaction and gives its result once that is committed. When this throws, nothing was written, with one
 * exception that has its own code.
 * @throws PostgresError `COMMIT_UNKNOWN` when the connection was lost while committing; else what went wrong before. What `work` throws of its own is thrown as it is.
 */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw toPostgresError(error);
  });
  let broken: Error | undefined;
  try {
    await client.query('BEGIN').catch((error: unknown) => {
      broken = toPostgresError(error);
      throw broken;
    });
    let result: T;
    try {
      result = await work(client);
    } catch (error) {
      await client.query('ROLLBACK').catch((fault: unknown) => {
        broken = toPostgresError(fault);
      });
      throw sqlStateOf(error) === undefined ? error : toPostgresError(error);
    }
    await commit(client).catch((error: unknown) => {
      broken = error instanceof Error ? error : undefined;
      throw error;
    });
    return result;
  } finally {
    // a connection in an unknown state is not given to the next caller
    client.release(broken);
  }
}

/**
 * Statements that do not wait for each other, in one write, in order; resolves when all have been answered. On a connection without `pipeline` they
 * follow each other.
 * @throws what the first of them that fails throws; the transaction is then to be rolled back
 */
export async function inOneFlight(
  client: PoolClient,
  send: () => readonly Promise<unknown>[],
): Promise<void> {
  const { stream } = (client as unknown as pg.Client).connection; // a client of a pool is a Client, whatever its type leaves out
  stream.cork();
  let sent: readonly Promise<unknown>[];
  try {
    sent = send();
  } finally {
    stream.uncork();
  }
  const results = await Promise.allSettled(sent);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function commit(client: PoolClient): Promise<void> {
  let tag: string;
  try {
    tag = (await client.query('COMMIT')).command;
  } catch (error) {
    const state = sqlStateOf(error);
    // the server's own no (a deferred constraint, a serialization failure, a full disk) means rolled back; a lost or closing connection does not say
    const isAnswer = state !== undefined && !state.startsWith('08') && !state.startsWith('57');
    if (isAnswer) throw toPostgresError(error);
    throw new PostgresError('COMMIT_UNKNOWN', 'the connection was lost while committing', {
      cause: error,
      sqlState: state,
    });
  }
  // a failed statement whose error was swallowed makes COMMIT a ROLLBACK
  if (tag !== 'COMMIT')
    throw new PostgresError('FAILED', 'the transaction had failed before it was committed');
}
