/** What went wrong in the verifier itself. A denied proof is a verdict, not an error. */
export const VERIFIER_FAULTS = {
  NOT_A_SPAN: 'rejected', // the gate passed on bytes that are no span: a fault of ours, the message is terminated
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type VerifierErrorCode = keyof typeof VERIFIER_FAULTS;

export class VerifierError extends Error {
  override readonly name = 'VerifierError';
  readonly code: VerifierErrorCode;
  constructor(code: VerifierErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
