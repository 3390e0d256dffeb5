import { toPostgresError } from '@logline/postgres';
import pg from 'pg';
import type { Row, Sql, Statement } from './append-connection.ts';
import { copyRows, type Literal } from './copy-rows.ts';

/** A column as PostgreSQL sends it in binary; null where it is NULL. */
export type RawRow = readonly (Buffer | null)[];

/** Where a check reads from: rows as they are stored. */
export interface RawSql extends Sql {
  /** Rows without any conversion: what costs least for a million of them. Statements wait for each other. */
  raw(text: string, values: readonly Literal[]): Promise<readonly RawRow[]>;
}

const INT8 = 20;
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
};

/** Both ways of asking on one client, which is somebody else's to open and close. */
export class RawConnection implements RawSql {
  readonly #client: pg.ClientBase;
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  /** @throws PostgresError */
  async run(
    { name, text }: Statement,
    values: readonly unknown[],
  ): Promise<{ rows: readonly Row[]; count: number }> {
    try {
      const { rows, rowCount } = await this.#inTurn(() =>
        this.#client.query<Row>({ name, text, values: [...values], types }),
      );
      return { rows, count: rowCount ?? 0 };
    } catch (error) {
      throw toPostgresError(error);
    }
  }

  /** @throws PostgresError */
  raw(text: string, values: readonly Literal[]): Promise<readonly RawRow[]> {
    return this.#inTurn(() => copyRows(this.#client, text, values));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
