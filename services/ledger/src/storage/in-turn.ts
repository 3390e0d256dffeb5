import type { Sql } from './append-connection.ts';

/** The same, one statement at a time: what can wait takes one connection of a pool and leaves the others to what cannot, the lease. */
export function inTurn(sql: Sql): Sql {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(statement, values) {
      const mine = last.then(() => sql.run(statement, values));
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}
