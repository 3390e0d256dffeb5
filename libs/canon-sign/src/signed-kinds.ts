/** One row of protocol §2: what separates the signatures of one kind of object from those of every other. */
export interface SignedKindRow {
  /** First line of the message that is signed. */
  readonly context: string;
  /** The object inside which kid, alg and signature stand; the signed object itself where there is none. */
  readonly holder?: 'provenance' | 'signature';
  /** The field of the signature's value. */
  readonly field: 'sig' | 'signature' | 'possession';
  /** What else is not signed. */
  readonly alsoLeftOut?: 'wraps' | 'merkle';
  /** Whether signing also fills in `kid`, or `kid` and `alg`, which are then signed too. */
  readonly names: readonly ('kid' | 'alg')[];
  /** What stands before the base64. */
  readonly prefix: '' | 'ed25519:';
}

/** The only signature algorithm: Ed25519 over the context and the BLAKE3 hash of the canonical bytes. Protocol §2. */
export const SIGNATURE_ALG = 'ed25519-blake3';

export type SignedObjectKind = 'manifest' | 'span' | 'proof' | 'grant' | 'receipt' | 'possession' | 'commit';

/** `request` is the one kind that is a string, with its signature beside it. */
export type SignedKind = SignedObjectKind | 'request';

/**
 * Kinds of objects that carry their signature. `possession` proves, inside a registry payload, that the new key's holder agrees. `commit` is
 * what a log has written so far, for whoever checks its database; it leaves the ledger in exports only.
 */
export const SIGNED_KINDS: Readonly<Record<SignedObjectKind, SignedKindRow>> = {
  manifest: {
    context: 'll.minicontainer.v1',
    holder: 'provenance',
    field: 'sig',
    names: ['kid', 'alg'],
    prefix: '',
  },
  span: { context: 'll.span.v1', holder: 'signature', field: 'sig', names: ['kid', 'alg'], prefix: '' },
  proof: { context: 'll.proof.v1', field: 'sig', names: ['kid'], prefix: '' },
  grant: { context: 'll.grant.v1', field: 'sig', alsoLeftOut: 'wraps', names: ['kid'], prefix: 'ed25519:' },
  receipt: { context: 'll.receipt.v1', field: 'signature', alsoLeftOut: 'merkle', names: [], prefix: '' },
  possession: { context: 'll.possession.v1', field: 'possession', names: [], prefix: '' },
  commit: { context: 'll.commit.v1', field: 'signature', names: [], prefix: '' },
};

/** The context of the signed string of an HTTP request. Protocol §7. */
export const REQUEST_CONTEXT = 'll.request.v1';
