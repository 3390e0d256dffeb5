export const PROJECTOR_FAULTS = {
  BAD_FACT: 'rejected', // bytes that are no span of the log they claim, or do not hash to the leaf the ledger named
  BAD_COSIGNED: 'rejected', // what came as a cosigned checkpoint is none, or of another log
  MOVED: 'retryable', // somebody else has moved a log's view: memory is dropped and read again
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
