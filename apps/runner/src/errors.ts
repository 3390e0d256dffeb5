/** What stops or holds up a runner. That a deploy cannot be done is not among them: it is a fact. */
export const RUNNER_FAULTS = {
  LOG_MISMATCH: 'fatal', // the log is not what its key signed, or breaks its own rules: nothing of it is believed any more
  JOURNAL_CORRUPT: 'fatal', // a record in the middle of the journal cannot be read; what was done is unknown
  JOURNAL_LOCKED: 'fatal', // another process writes this journal: two of them would run everything twice
  JOURNAL_FAILED: 'fatal', // a record could not be made durable (disk full, not writable); acting without it could double a run
  BAD_KEY_FILE: 'fatal', // not {kid, seed}
  NOT_REGISTERED: 'fatal', // the log names other keys for this runner than it has
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type RunnerErrorCode = keyof typeof RUNNER_FAULTS;

export class RunnerError extends Error {
  override readonly name = 'RunnerError';
  readonly code: RunnerErrorCode;
  constructor(code: RunnerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
