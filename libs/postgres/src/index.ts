export { POSTGRES_FAULTS, PostgresError, toPostgresError, type PostgresErrorCode } from './errors.ts';
export { fenceLease } from './fence-lease.ts';
export { Lease, type HeldLease, type LeaseOptions } from './lease.ts';
export { LEASE_TABLE_SQL } from './lease-sql.ts';
export { listen, type Listening, type ListenOptions } from './listen.ts';
export { createOrm, migrateDatabase, runMigrations, type OrmOptions } from './orm.ts';
export { openPool, query, type Pool, type PoolClient, type PoolOptions, type Sql } from './pool.ts';
export { provision, ROLES, type ProvisionOptions, type RoleSpec } from './provision.ts';
export { inTransaction } from './transaction.ts';
