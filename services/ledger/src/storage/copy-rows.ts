import { toPostgresError } from '@logline/postgres';
import pg from 'pg';
import type { RawRow } from './raw-connection.ts';

/** A value that can stand in a statement as a literal: COPY takes no parameters. */
export type Literal = number | string | readonly number[];

/**
 * Rows of a statement as PostgreSQL stores them, by COPY in binary: `pg` has no other way to bytes that are not first made text, which for a
 * million entries costs more than checking them. Not on a connection that pipelines.
 * @throws PostgresError
 */
export function copyRows(
  client: pg.ClientBase,
  text: string,
  values: readonly Literal[],
): Promise<readonly RawRow[]> {
  return new Promise((resolve, reject) => {
    client.query(new CopyQuery(withLiterals(text, values), resolve, reject));
  });
}

function withLiterals(text: string, values: readonly Literal[]): string {
  const inner = text.replaceAll(/\$([0-9]+)/g, (_, nth: string) => literalOf(values[Number(nth) - 1] ?? ''));
  return `COPY (${inner}) TO STDOUT (FORMAT binary)`;
}

function literalOf(value: Literal): string {
  if (typeof value === 'string') return pg.escapeLiteral(value);
  const numbers = typeof value === 'number' ? [value] : value;
  if (!numbers.every(Number.isSafeInteger)) throw new RangeError('a literal that is no integer');
  return typeof value === 'number' ? String(value) : `'{${numbers.join(',')}}'`;
}

/** What `pg` calls while the statement is its active one. */
class CopyQuery implements pg.Submittable {
  readonly #text: string;
  readonly #resolve: (rows: readonly RawRow[]) => void;
  readonly #reject: (error: Error) => void;
  readonly #rows: RawRow[] = [];
  #isFirst = true;

  constructor(text: string, resolve: (rows: readonly RawRow[]) => void, reject: (error: Error) => void) {
    this.#text = text;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#text);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    // the parser writes over its buffer with what comes next
    const row = Buffer.from(this.#isFirst ? chunk.subarray(HEADER_BYTES) : chunk);
    this.#isFirst = false;
    const columns = row.length < 2 ? -1 : row.readInt16BE(0);
    if (columns >= 0) this.#rows.push(parseRow(row, columns));
  }

  handleCommandComplete(): void {
    this.#resolve(this.#rows);
  }

  handleError(error: unknown): void {
    this.#reject(toPostgresError(error));
  }

  handleReadyForQuery(): void {}
}

/** Signature, flags, and the length of an extension that no version has: before the first row. */
const HEADER_BYTES = 19;

/** @see PostgreSQL, COPY, "Binary Format" */
function parseRow(row: Buffer, columns: number): RawRow {
  const fields: (Buffer | null)[] = [];
  let at = 2;
  for (let column = 0; column < columns; column++) {
    const length = row.readInt32BE(at);
    at += 4;
    fields.push(length < 0 ? null : row.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return fields;
}
