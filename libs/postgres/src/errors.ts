/** What PostgreSQL, or the way to it, did to us, and what a caller does about it. */
export const POSTGRES_FAULTS = {
  UNAVAILABLE: 'retryable', // not reached, shutting down, out of connections: nothing was written, unless COMMIT_UNKNOWN is said
  DISK_FULL: 'retryable', // writes are refused until somebody makes room; reads go on
  CONFLICT: 'retryable', // serialization failure, deadlock, lock timeout: run the transaction again
  UNIQUE_VIOLATION: 'rejected', // `constraint` names it
  CONSTRAINT: 'rejected', // another constraint; `constraint` names it
  INVALID_DATA: 'rejected', // a value that the column's type cannot hold
  FAILED: 'rejected', // the statement itself is wrong: a bug of ours
  COMMIT_UNKNOWN: 'fatal', // the connection was lost while committing: read what is there before going on
  NOT_MIGRATED: 'fatal', // a table, column or schema is missing: run the service's migrate
  FORBIDDEN: 'fatal', // wrong password, or the role may not
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type PostgresErrorCode = keyof typeof POSTGRES_FAULTS;

export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  readonly code: PostgresErrorCode;
  /** SQLSTATE, where the server answered. */
  readonly sqlState: string | undefined;
  readonly constraint: string | undefined;
  constructor(
    code: PostgresErrorCode,
    message: string,
    options?: ErrorOptions & {
      readonly sqlState?: string | undefined;
      readonly constraint?: string | undefined;
    },
  ) {
    super(message, options);
    this.code = code;
    this.sqlState = options?.sqlState;
    this.constraint = options?.constraint;
  }
}

/** By SQLSTATE, else by its class (PostgreSQL manual, appendix A). */
const BY_STATE: Readonly<Record<string, PostgresErrorCode>> = {
  '23505': 'UNIQUE_VIOLATION',
  '53100': 'DISK_FULL',
  '58030': 'DISK_FULL', // io_error
  '25P03': 'UNAVAILABLE', // idle in a transaction for too long: it was ended
  '25006': 'UNAVAILABLE', // a standby: the primary has moved
  '42501': 'FORBIDDEN',
  '42P01': 'NOT_MIGRATED', // undefined table
  '42703': 'NOT_MIGRATED', // undefined column
  '3F000': 'NOT_MIGRATED', // undefined schema
  '3D000': 'NOT_MIGRATED', // undefined database
  '55P03': 'CONFLICT', // lock not available
};
const BY_CLASS: Readonly<Record<string, PostgresErrorCode>> = {
  '08': 'UNAVAILABLE',
  '22': 'INVALID_DATA',
  '23': 'CONSTRAINT',
  '28': 'FORBIDDEN',
  '40': 'CONFLICT',
  '53': 'UNAVAILABLE',
  '57': 'UNAVAILABLE', // shutting down, starting up, cancelled
  '58': 'UNAVAILABLE',
};

/** The coded error of anything `pg` or MikroORM throws; the statement's values are never in it. */
export function toPostgresError(error: unknown): PostgresError {
  if (error instanceof PostgresError) return error;
  const state = sqlStateOf(error);
  const message = error instanceof Error ? error.message : 'unknown error';
  if (state === undefined)
    return new PostgresError('UNAVAILABLE', `postgresql was not reached: ${message}`, { cause: error });
  const code = BY_STATE[state] ?? BY_CLASS[state.slice(0, 2)] ?? 'FAILED';
  return new PostgresError(code, `postgresql refuses (${state}): ${message}`, {
    cause: error,
    sqlState: state,
    constraint: constraintOf(error),
  });
}

/** Undefined when the server never answered. */
export function sqlStateOf(error: unknown): string | undefined {
  const code: unknown =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E') ? code : undefined;
}

function constraintOf(error: unknown): string | undefined {
  const name: unknown =
    typeof error === 'object' && error !== null && 'constraint' in error ? error.constraint : undefined;
  return typeof name === 'string' ? name : undefined;
}
