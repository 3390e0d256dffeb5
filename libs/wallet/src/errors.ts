/** What went wrong inside this package; every one is about something that was handed in. */
export const WALLET_FAULTS = {
  MALFORMED: 'rejected', // bytes or values of the wrong shape: a wallet file, a key, a token, a duration
  WRONG_PASSPHRASE: 'rejected', // the wallet does not open; a changed file looks exactly the same
  WEAK_PASSPHRASE: 'rejected', // shorter than MIN_PASSPHRASE_LENGTH
  KEY_EXISTS: 'rejected', // the wallet has another key under this kid
  KEY_MISSING: 'rejected', // the wallet has no such key, or no key at all
  PIN_CONFLICT: 'rejected', // another root or log key is pinned for this tenant; somebody is not who they say
  ARTIFACT_UNREADABLE: 'rejected', // sealed bytes that this key, tenant and id do not open
  WRAP_UNREADABLE: 'rejected', // a content key that was wrapped for somebody or something else
  GRANT_INCOMPLETE: 'rejected', // a short grant, where a full one is needed
  GRANT_SIGNATURE: 'rejected', // not signed by the key it names
  GRANT_SUBJECT: 'rejected', // for another container
  GRANT_ARTIFACT: 'rejected', // for another artifact, or for other bytes of it
  GRANT_AUDIENCE: 'rejected', // for another target
  GRANT_SCOPE: 'rejected', // does not allow this use
  GRANT_NOT_YET: 'rejected', // begins in the future
  GRANT_EXPIRED: 'rejected', // its time span is over
  BAD_PROOF: 'rejected', // a proof that the protocol does not allow, refused before it is signed
} as const; // all rejected: nothing here is worth retrying and nothing stops a loop
export type WalletErrorCode = keyof typeof WALLET_FAULTS;

/** The one error of this package. Its messages never hold a secret. */
export class WalletError extends Error {
  override readonly name = 'WalletError';
  readonly code: WalletErrorCode;
  constructor(code: WalletErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
