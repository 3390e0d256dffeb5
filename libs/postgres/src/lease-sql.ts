/** For a service's first migration. The database's clock decides; `epoch` only grows. */
export const LEASE_TABLE_SQL = `
CREATE TABLE lease (
  name text PRIMARY KEY,
  epoch bigint NOT NULL,
  holder text NOT NULL,
  until timestamptz NOT NULL
)`;
