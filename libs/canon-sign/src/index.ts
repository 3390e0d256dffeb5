export { blake3Digest, blake3Hash } from './blake3.ts';
export {
  formatBase64,
  formatBase64url,
  formatHex,
  parseBase64,
  parseBase64url,
  parseHex,
  utf8,
} from './bytes.ts';
export {
  canonicalBytes,
  canonicalText,
  isCanonical,
  isPlainObject,
  parseCanonical,
} from './canonical-json.ts';
export { elementBytes, memberBytes } from './canonical-slices.ts';
export { isValidSignature } from './ed25519.ts';
export { CANON_FAULTS, CanonError, type CanonErrorCode } from './errors.ts';
export { formatPointer } from './pointer.ts';
export { isUnsafeInteger, MAX_DEPTH, MAX_SPAN_BYTES } from './profile.ts';
export { requestText, type RequestParts } from './request.ts';
export {
  signCanonical,
  signedMessage,
  signObject,
  signObjectSync,
  verifyCanonical,
  verifyObject,
  type SignatureFields,
} from './sign.ts';
export { SIGNATURE_ALG, type SignedKind, type SignedObjectKind } from './signed-kinds.ts';
export { publicKeyFromSeed, signerFromSeed, type LocalSigner, type Signer } from './signer.ts';
export { isSpanId, spanIdFromCause, spanIdFromRandom, uuidV7 } from './span-id.ts';
export { parseMarked, parseStrict, type JsonValue, type ParseLimits } from './strict-json.ts';
