/** What went wrong inside this package. A refused span is not among them: a no is an answer. */
export const TDLN_FAULTS = {
  GAP: 'retryable', // a fact came whose predecessor was not folded; read the log from knowledge.index + 1
  FOREIGN_FACT: 'fatal', // a fact of another tenant was handed to this tenant's knowledge
  BAD_SNAPSHOT: 'rejected', // not a snapshot of this version; fold the log from the beginning
  FACT_REFUSED: 'fatal', // a logged fact breaks the rules that the gate should have kept; trust nothing after it
} as const;
export type TdlnErrorCode = keyof typeof TDLN_FAULTS;

export class TdlnError extends Error {
  override readonly name = 'TdlnError';
  readonly code: TdlnErrorCode;
  constructor(code: TdlnErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
