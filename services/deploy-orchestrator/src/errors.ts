export const ORCHESTRATOR_FAULTS = {
  MOVED: 'retryable', // somebody else has read this log further: look again
  UNSETTLED: 'retryable', // a reaction has no verdict yet; the same bytes are sent again
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type OrchestratorErrorCode = keyof typeof ORCHESTRATOR_FAULTS;

export class OrchestratorError extends Error {
  override readonly name = 'OrchestratorError';
  readonly code: OrchestratorErrorCode;
  constructor(code: OrchestratorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
