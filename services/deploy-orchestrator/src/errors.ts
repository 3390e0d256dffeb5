export const ORCHESTRATOR_FAULTS = {
  GAP: 'retryable', // a fact arrived before its predecessor; it comes again, behind it
  UNSETTLED: 'retryable', // a reaction has no receipt yet; the same bytes are sent again
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
