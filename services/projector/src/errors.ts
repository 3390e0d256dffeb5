export const PROJECTOR_FAULTS = {
  GAP: 'retryable', // a fact arrived before its predecessor; it comes again, behind it
  BAD_FACT: 'rejected', // bytes that are no span, or do not hash to the leaf the ledger named
  MOVED: 'retryable', // somebody else has moved the log's view: memory is dropped and read again
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type ProjectorErrorCode = keyof typeof PROJECTOR_FAULTS;

export class ProjectorError extends Error {
  override readonly name = 'ProjectorError';
  readonly code: ProjectorErrorCode;
  constructor(code: ProjectorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
