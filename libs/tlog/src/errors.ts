/** What a caller does about each code: all of them are said about bytes or numbers that somebody handed in, so nothing is worth retrying. */
export const TLOG_FAULTS = {
  MALFORMED_HASH: 'rejected', // not 32 bytes
  MALFORMED_EDGE: 'rejected', // a right edge whose hashes do not fit its size
  MALFORMED_TILE: 'rejected', // a tile, bundle or path that no log can serve
  MALFORMED_PROOF: 'rejected', // a proof whose form or number of hashes cannot fit the sizes it claims
  MALFORMED_NOTE: 'rejected', // not a signed note
  MALFORMED_KEY: 'rejected', // not a verifier key of a type known here, or its id is not that of its bytes
  MALFORMED_CHECKPOINT: 'rejected', // a note that is no checkpoint
  MALFORMED_POLICY: 'rejected', // not a policy of logs, witnesses, groups and one quorum
  MALFORMED_REQUEST: 'rejected', // not an add-checkpoint request
  MALFORMED_RECEIPT: 'rejected', // an object that is no receipt
  MALFORMED_ROTATION: 'rejected', // a span that names no key that could follow the one in force
  MALFORMED_SUCCESSION: 'rejected', // not a log key and the rotations that lead on from it
  OUT_OF_RANGE: 'rejected', // asked to prove something that is not in a tree of that size
  ENTRY_TOO_LARGE: 'rejected', // an entry of more than 65,535 bytes fits no bundle
  UNKNOWN_KEY: 'rejected', // no signature is by a key that the caller trusts
  SIGNATURE_INVALID: 'rejected', // a signature by a trusted key does not verify
  ORIGIN_MISMATCH: 'rejected', // a genuine statement of another log
  ROOT_MISMATCH: 'rejected', // a well-formed proof that leads to another tree
  FORKED: 'rejected', // two statements of one log that cannot both be true: it shows two histories
  ENTRY_MISMATCH: 'rejected', // a receipt for other bytes, another span or another place in the log
} as const;
export type TlogErrorCode = keyof typeof TLOG_FAULTS;

/** The one error of this package. */
export class TlogError extends Error {
  override readonly name = 'TlogError';
  readonly code: TlogErrorCode;
  constructor(code: TlogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
