/** Injection token of the orchestrator's PostgreSQL pool. */
export const POOL = Symbol('pool');
