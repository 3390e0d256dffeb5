// The package's second door, `@logline/tlog/verify`: what an offline verifier needs and nothing that writes a log, so that
// all of it, canonical JSON, hashes and Ed25519 included, is one small file for a page (bundle-verifier.mjs).
export { verifyCheckpoint, type Checkpoint, type LogIdentity } from './checkpoint.ts';
export { TLOG_FAULTS, TlogError, type TlogErrorCode } from './errors.ts';
export { growthTiles, orderHeads, verifyGrowth, verifyGrowthFromTiles, type HeadOrder } from './growth.ts';
export { leafHash } from './leaf.ts';
export { decodeNote, parseVkey, verifyNote, type VerifiedNote, type Vkey } from './note.ts';
export { parseProof, verifyProof, type ProvenLeaf, type TlogProof } from './proof.ts';
export {
  parseReceipt,
  verifyReceipt,
  type Receipt,
  type ReceiptClaim,
  type TreeHead,
  type VerifiedReceipt,
} from './receipt.ts';
export { formatTilePath, type TileId } from './tile.ts';
