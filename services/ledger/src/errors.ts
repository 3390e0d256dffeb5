/** What went wrong in the ledger, and what the append loop does about it: only fatal makes it forget and reload. */
export const LEDGER_FAULTS = {
  BAD_ENTRY: 'rejected', // an accepted span that is no span, or names another tenant: a fault of the gate, answered 500
  NOT_LEADING: 'retryable', // this process does not lead the partition, or not any more; another one will take the message
  TOO_LATE: 'retryable', // a deadline passed between decision and COMMIT; rolled back, decided again
  LOG_MOVED: 'retryable', // a log is not at the size this leader remembers: forget, read it again
  LEASE_LOST: 'fatal', // another process leads this partition; nothing was written
  BAD_POLICY: 'fatal', // the witnesses' policy cannot be read, or no quorum can ever come of it: the process does not start
  LOG_CORRUPT: 'rejected', // stored hashes do not lead to the stored root; nothing is signed for that tenant, others go on
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
