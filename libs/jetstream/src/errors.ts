/** What went wrong between us and JetStream, and what a caller does about it. */
export const JETSTREAM_FAULTS = {
  UNAVAILABLE: 'retryable', // no answer, or none from a leader: the outcome is unknown; the same bytes may be sent again
  QUEUE_FULL: 'retryable', // a bounded queue refuses: push back on whoever sends
  NO_STREAM: 'retryable', // nothing stores this subject, or the consumer is not there: streams are not migrated (yet)
  DEADLINE: 'retryable', // no verdict before the caller's deadline; asking again gets the same receipt
  TOO_LARGE: 'rejected', // more bytes than a message may have
  CONFLICT: 'rejected', // the stream has moved on: an expected sequence is not the last one
  DUPLICATE: 'rejected', // a batch holds a message id that is already stored; read the last fact and go on behind it
  REFUSED: 'rejected', // any other no of the JetStream API; `apiCode` says which
  BAD_ANSWER: 'rejected', // a reply that is not what the API promises
  SNAPSHOT_UNUSABLE: 'rejected', // a stored snapshot is damaged or of another version; the log is folded instead
  FORBIDDEN: 'fatal', // this NATS user may not: a fault of configuration
  CLOSED: 'fatal', // the connection was closed by us
} as const satisfies Record<string, Fault>;

export type Fault = 'rejected' | 'retryable' | 'fatal';
export type JetStreamErrorCode = keyof typeof JETSTREAM_FAULTS;

export class JetStreamError extends Error {
  override readonly name = 'JetStreamError';
  readonly code: JetStreamErrorCode;
  /** `err_code` of the JetStream API, where it answered. */
  readonly apiCode: number | undefined;
  constructor(
    code: JetStreamErrorCode,
    message: string,
    options?: ErrorOptions & { readonly apiCode?: number },
  ) {
    super(message, options);
    this.code = code;
    this.apiCode = options?.apiCode;
  }
}
