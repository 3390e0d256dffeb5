/** What went wrong in the ledger, and what the append loop does about it: only fatal makes it forget and reload. */
export const LEDGER_FAULTS = {
  BAD_ENTRY: 'rejected', // an accepted span that is no span, or names another tenant: a fault of the gate, answered 500
  NOT_LEADING: 'retryable', // this process does not lead the partition, or not any more; another one will take the message
  TOO_LATE: 'retryable', // a deadline passed between decision and COMMIT; rolled back, decided again
  LOG_MOVED: 'retryable', // a log is not at the size this leader remembers: forget, read it again
  LEASE_LOST: 'fatal', // another process leads this partition; nothing was written
  USAGE: 'rejected', // a maintenance command with arguments that it does not know
  BAD_EXPORT: 'rejected', // a folder that is no export, or is damaged; the message names the file
  EXISTS: 'rejected', // an import of a log that the database has already; nothing is overwritten
  LEDGER_RUNS: 'rejected', // a chore that needs the partition's lease, while a ledger holds it: stop it first
  CLOCKS_APART: 'retryable', // this process's clock and the database's: nothing is pruned by either, the warning comes again until they agree
  BEHIND_ANCHOR: 'fatal', // the database lacks commits that were acknowledged, or has others: signing would fork; `logline log adopt` alone leads on
  ANCHOR_MISSING: 'fatal', // nothing says that the database has all that was acknowledged: the same
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
