export {
  addContentKey,
  addKey,
  addToken,
  dropToken,
  emptyWallet,
  findContentKey,
  findKey,
  findPin,
  findToken,
  parseWallet,
  pinTenant,
  setCheckpoint,
  unpinTenant,
  type ContentKey,
  type SigningKey,
  type StoredToken,
  type TenantPin,
  type Wallet,
} from './document.ts';
export { WALLET_FAULTS, WalletError, type WalletErrorCode } from './errors.ts';
export {
  grantExpiryMs,
  isFullGrant,
  makeGrant,
  RUNTIME_READ,
  verifyGrant,
  type FullGrant,
  type GrantTerms,
  type GrantUse,
} from './grant.ts';
export { deriveHpkeKeyPair, type HpkeKeyPair } from './hpke-key.ts';
export {
  LOCK_RANDOM_BYTES,
  lockWallet,
  MIN_PASSPHRASE_LENGTH,
  unlockWallet,
  type ScryptCost,
} from './lock.ts';
export { makeProof, type ProofTerms } from './proof.ts';
export {
  ARTIFACT_NONCE_BYTES,
  CONTENT_KEY_BYTES,
  hashArtifact,
  openArtifact,
  sealArtifact,
  type ArtifactPlace,
} from './seal.ts';
export {
  formatApiToken,
  hashApiToken,
  parseApiToken,
  TOKEN_SECRET_BYTES,
  type ApiTokenParts,
} from './token.ts';
export { unwrapContentKey, wrapContentKey } from './wrap.ts';
