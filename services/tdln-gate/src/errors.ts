/** What went wrong in the gate itself. A refused span is an answer, not an error. */
export const GATE_FAULTS = {
  BAD_OPERATOR_KEYS: 'fatal', // the file of operator keys is not one; nobody could found a tenant
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type GateErrorCode = keyof typeof GATE_FAULTS;

export class GateError extends Error {
  override readonly name = 'GateError';
  readonly code: GateErrorCode;
  constructor(code: GateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
