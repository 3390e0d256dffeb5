/** What went wrong in the ledger, and what the append loop does about it: only fatal makes it forget and reload. */
export const LEDGER_FAULTS = {
  BAD_ENTRY: 'rejected', // an accepted span that is no span, or names another tenant: a fault of the gate, answered 500
  BAD_BATCH: 'rejected', // PostgreSQL refuses what the batch says; it is taken apart until the culprit stands alone
  STORE_UNAVAILABLE: 'retryable', // nothing was written; the same batch may be tried again
  TOO_LATE: 'retryable', // a deadline passed between decision and COMMIT; rolled back, decided again
  COMMIT_UNKNOWN: 'fatal', // memory can no longer be trusted; reload from PostgreSQL first
  LOG_MOVED: 'fatal', // somebody else appended: we are not the leader any more, or our memory is wrong
  LEASE_LOST: 'fatal', // another process leads this partition; nothing was written
  LOG_CORRUPT: 'fatal', // stored hashes do not lead to the stored edge; signing now could fork the log
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type LedgerErrorCode = keyof typeof LEDGER_FAULTS;

export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;
  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
