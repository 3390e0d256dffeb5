import { blake3Hash } from '@logline/canon-sign';
import { formatInstant, type Receipt } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { formatProof, inclusionNodes, proveInclusion } from '@logline/tlog';
import { findReceiptParts } from '../storage/log-views.ts';
import { readNodes } from '../storage/read-nodes.ts';

/** The receipt of a span; null while the views do not hold the span and a checkpoint that covers it. */
export async function remakeReceipt(pool: Pool, tenant: string, id: string): Promise<Receipt | null> {
  const parts = await findReceiptParts(pool, tenant, id);
  if (parts === null) return null;
  const index = BigInt(parts.index);
  const size = BigInt(parts.size);
  const readNode = await readNodes(pool, tenant, inclusionNodes(index, size), size);
  if (readNode === null) return null;
  const hashes = proveInclusion(index, size, readNode);
  return {
    ts: formatInstant(parts.logTimeMs),
    hash: blake3Hash(parts.bytes),
    signature: parts.signature,
    merkle: formatProof({ index, hashes, checkpoint: parts.checkpoint }),
    this: id,
    log: parts.origin,
    index: parts.index,
  };
}
