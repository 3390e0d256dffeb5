/** What went wrong inside this package; every one is the caller's input. */
export const CONTRACT_FAULTS = {
  BAD_SUBJECT: 'rejected', // not one of the three URN forms
  BAD_REF: 'rejected', // not a full manifest ref
  BAD_TARGET: 'rejected', // not a target a person may write
  BAD_ENVELOPE: 'rejected', // bytes on the bus that are no envelope of a known version
  BAD_HEADERS: 'rejected', // a fact without the headers the ledger always writes
  UNKNOWN_INTENT: 'rejected', // not in the catalogue
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type ContractErrorCode = keyof typeof CONTRACT_FAULTS;

export class ContractError extends Error {
  override readonly name = 'ContractError';
  readonly code: ContractErrorCode;
  constructor(code: ContractErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
