/** Injection token of the projector's PostgreSQL pool. */
export const POOL = Symbol('pool');
