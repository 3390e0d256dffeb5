import { formatBase64, type LocalSigner, parseHex, signedMessage } from '@logline/canon-sign';
import { formatInstant, type Receipt } from '@logline/contracts';
import {
  appendBatch,
  formatEdge,
  formatProof,
  type FullTile,
  leafHash,
  signCheckpoint,
  type TiledEdge,
} from '@logline/tlog';
import { type CommitLink, linkCommit, type MarkedLink } from './commit-chain.ts';
import type { LogGrowth, PlacedEntry } from './draft.ts';
import { keysAfter, type LogKeys } from './log-keys.ts';

/** One log as its leader keeps it in memory: all that is needed to append to it. */
export type Log = {
  readonly logId: number;
  readonly tenant: string;
  readonly origin: string;
  readonly size: number;
  /** Log time of the last entry. */
  readonly timeMs: number;
  readonly tree: TiledEdge;
  /** Of the last commit; undefined when there is none yet, or it is older than the chain. */
  readonly link?: CommitLink | undefined;
  readonly keys: LogKeys;
};

/** One commit of one log: all that is stored, and all that its receipts and facts are made of. */
export type Seal = {
  readonly before: Log;
  readonly after: Log;
  readonly isNew: boolean;
  readonly root: Uint8Array;
  readonly edge: Uint8Array;
  /** The signed checkpoint of `after`; every receipt of this commit proves to it. */
  readonly checkpoint: string;
  readonly link: MarkedLink;
  readonly tiles: readonly FullTile[];
  readonly entries: readonly SealedEntry[];
};

export type SealedEntry = PlacedEntry & {
  readonly leaf: Uint8Array;
  readonly statement: Statement;
  /** 64 bytes, by the log's key over the statement. */
  readonly signature: Uint8Array;
  /** To the checkpoint of the commit. */
  readonly proof: readonly Uint8Array[];
};

/** What the log's key signs about an entry: its receipt without `signature` and `merkle` (protocol §2, `ll.receipt.v1`). */
export type Statement = Omit<Receipt, 'signature' | 'merkle'>;

/**
 * Grows one log by what a batch decided, and signs. `before` must be the log that the batch was decided on.
 * @param signer - of the key in force at the batch's log time
 * @param cosigner - of the overlap's other key: signs the checkpoint too, never a receipt
 */
export function sealLog(before: Log, growth: LogGrowth, signer: LocalSigner, cosigner?: LocalSigner): Seal {
  const leaves = growth.entries.map(({ entry }) => leafHash(entry.bytes));
  const { edge, root, proofs, tiles } = appendBatch(before.tree, leaves);
  const { origin } = before;
  const { timeMs } = growth;
  const ts = formatInstant(timeMs);
  const size = before.size + leaves.length;
  const signers = cosigner === undefined ? [signer] : [signer, cosigner];
  const checkpoint = signCheckpoint(
    { origin, size: edge.size, root },
    signers.map((one) => ({ name: origin, signer: one })),
  );
  const entries = growth.entries.map((placed, at): SealedEntry => {
    const { hash, this: id } = placed.entry;
    const statement: Statement = { ts, hash, this: id, log: origin, index: placed.index };
    return {
      ...placed,
      leaf: leaves[at] ?? NO_HASH,
      statement,
      signature: signer.sign(signedMessage('receipt', statement)),
      proof: proofs[at] ?? [],
    };
  });
  const trailers = entries.map(({ verdictOf, trace, signature }) => ({
    timeMs,
    verdictOf,
    trace: parseHex(trace, 16),
    signature,
  }));
  const link = linkCommit(before.link, { log: origin, size, checkpoint, trailers }, signer);
  return {
    before,
    after: {
      ...before,
      size,
      timeMs,
      tree: edge,
      link,
      keys: growth.entries.reduce((keys, { entry }) => keysAfter(keys, entry) ?? keys, before.keys),
    },
    isNew: growth.isNew,
    root,
    edge: formatEdge(edge),
    checkpoint,
    link,
    tiles,
    entries,
  };
}
const NO_HASH = new Uint8Array(32); // unreachable: leaves, proofs and entries are of one length

export type ReceiptParts = {
  readonly statement: Statement;
  readonly signature: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: string;
};

/** Always the same bytes for the same parts: a retry, whenever it comes, gets the receipt of the first time. */
export function toReceipt({ statement, signature, proof, checkpoint }: ReceiptParts): Receipt {
  const { ts, hash, this: id, log, index } = statement;
  return {
    ts,
    hash,
    signature: formatBase64(signature),
    merkle: formatProof({ index: BigInt(index), hashes: proof, checkpoint }),
    this: id,
    log,
    index,
  };
}
