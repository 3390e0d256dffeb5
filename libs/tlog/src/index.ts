export {
  audit,
  type AuditFault,
  type AuditFaultCode,
  type AuditOptions,
  type AuditReport,
  type LogReader,
} from './audit.ts';
export {
  appendBatch,
  emptyTiledEdge,
  growTiles,
  partialTiles,
  tiledEdgeOf,
  type Batch,
  type FullTile,
  type TiledEdge,
} from './batch.ts';
export {
  formatCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  verifyCheckpoint,
  type Checkpoint,
  type LogIdentity,
} from './checkpoint.ts';
export {
  consistencyNodes,
  proveConsistency,
  verifyConsistency,
  type ConsistencyClaim,
} from './consistency.ts';
export {
  cosign,
  cosignaturesOf,
  formatCosignerKey,
  parseCosignerKey,
  toCosignerKey,
  type Cosignature,
  type CosignerKey,
} from './cosignature.ts';
export { TLOG_FAULTS, TlogError, type TlogErrorCode } from './errors.ts';
export { growthTiles, orderHeads, verifyGrowth, verifyGrowthFromTiles, type HeadOrder } from './growth.ts';
export { inclusionNodes, proveInclusion, verifyInclusion, type InclusionClaim } from './inclusion.ts';
export { leafHash } from './leaf.ts';
export {
  logKeyAt,
  logKeysFrom,
  pinLogKey,
  verifyReceiptInTime,
  verifyRotation,
  type Evidence,
  type LogKey,
  type LogKeys,
} from './log-keys.ts';
export {
  decodeNote,
  formatNote,
  formatSignature,
  formatVkey,
  parseNote,
  parseSignatureLines,
  parseVkey,
  signNote,
  toVkey,
  verifyNote,
  type Note,
  type NoteKey,
  type NoteSignature,
  type VerifiedNote,
  type Vkey,
} from './note.ts';
export {
  isQuorum,
  parsePolicy,
  type Policy,
  type PolicyGroup,
  type PolicyLog,
  type PolicyWitness,
} from './policy.ts';
export { formatProof, parseProof, verifyProof, type ProvenLeaf, type TlogProof } from './proof.ts';
export {
  parseReceipt,
  verifyReceipt,
  type ReceiptClaim,
  type TreeHead,
  type VerifiedReceipt,
} from './receipt.ts';
export {
  beginSuccession,
  followRotations,
  formatRotations,
  formatSuccession,
  parseRotations,
  parseSuccession,
  ROTATIONS_FILE,
  unknownKeyIds,
  type LoggedRotation,
  type StoredSuccession,
  type Succession,
} from './succession.ts';
export {
  formatBundle,
  formatTilePath,
  MAX_ENTRY_BYTES,
  nodeFromTile,
  parseBundle,
  parseTilePath,
  TILE_HEIGHT,
  TILE_WIDTH,
  tileHash,
  tileOfNode,
  tileReader,
  tilesOfNodes,
  tileWidth,
  type TileId,
} from './tile.ts';
export {
  appendLeaf,
  appendLeaves,
  emptyEdge,
  emptyRoot,
  formatEdge,
  HASH_BYTES,
  MAX_TREE_SIZE,
  nodeHash,
  parseEdge,
  rootOf,
  rootOfLeaves,
  type Edge,
  type NodeId,
  type ReadNode,
} from './tree.ts';
export {
  decideAddCheckpoint,
  formatAddCheckpoint,
  parseAddCheckpoint,
  type AddCheckpoint,
  type WitnessKnowledge,
  type WitnessVerdict,
} from './witness.ts';
