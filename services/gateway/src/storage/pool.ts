/** Injection token of the gateway's PostgreSQL pool: its own schema, and the views it may read. */
export const POOL = Symbol('pool');
