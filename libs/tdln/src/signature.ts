import { CanonError, parseHex, verifyObject, type SignedObjectKind } from '@logline/canon-sign';

/** Whether an object carries this key's signature of this kind (protocol §2). `pub` is 64 hex, from the registry. */
export function isSignedBy(kind: SignedObjectKind, object: unknown, pub: string): boolean {
  try {
    verifyObject(kind, object, parseHex(pub, 32));
    return true;
  } catch (fault) {
    if (fault instanceof CanonError) return false;
    throw fault;
  }
}
