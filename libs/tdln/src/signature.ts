import {
  CanonError,
  parseHex,
  verifyCanonical,
  verifyObject,
  type SignedObjectKind,
} from '@logline/canon-sign';
import type { Manifest, Span } from '@logline/contracts';
import { manifestHash } from './manifest-ref.ts';

/** Whether an object carries this key's signature of this kind (protocol §2). `pub` is 64 hex, from the registry. */
export function isSignedBy(kind: SignedObjectKind, object: unknown, pub: string): boolean {
  return isGood(() => verifyObject(kind, object, parseHex(pub, 32)));
}

/** As `isSignedBy`, of a span and its canonical bytes. */
export function isSpanSignedBy(span: Span, bytes: Uint8Array, pub: string): boolean {
  return isGood(() => verifyCanonical('span', span, bytes, parseHex(pub, 32)));
}

function isGood(verify: () => void): boolean {
  try {
    verify();
    return true;
  } catch (fault) {
    if (fault instanceof CanonError) return false;
    throw fault;
  }
}

/** Manifests found signed, by key and hash of the whole. One release goes to many containers, and each time it is the same question. */
const found = new Set<string>();
const MOST_FOUND = 4_096;

/** As `isSignedBy`. Only a yes is remembered, and of the very same bytes, signature included. */
export function isManifestSignedBy(manifest: Manifest, pub: string): boolean {
  const question = `${pub} ${manifestHash(manifest)}`;
  if (found.has(question)) return true;
  if (!isSignedBy('manifest', manifest, pub)) return false;
  const [oldest] = found;
  if (found.size >= MOST_FOUND && oldest !== undefined) found.delete(oldest);
  found.add(question);
  return true;
}
