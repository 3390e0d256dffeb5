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
export { TLOG_FAULTS, TlogError, type TlogErrorCode } from './errors.ts';
export { inclusionNodes, proveInclusion, verifyInclusion, type InclusionClaim } from './inclusion.ts';
export { leafHash } from './leaf.ts';
export {
  logKeyAt,
  pinLogKey,
  verifyReceiptInTime,
  verifyRotation,
  type LogKey,
  type LogKeys,
} from './log-keys.ts';
export {
  decodeNote,
  formatNote,
  formatVkey,
  parseNote,
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
export { formatProof, parseProof, verifyProof, type ProvenLeaf, type TlogProof } from './proof.ts';
export {
  verifyGrowth,
  verifyReceipt,
  type ReceiptClaim,
  type TreeHead,
  type VerifiedReceipt,
} from './receipt.ts';
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
