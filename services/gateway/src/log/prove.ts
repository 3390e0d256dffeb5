import { formatBase64, formatHex } from '@logline/canon-sign';
import type { ConsistencyProof, InclusionProof } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import {
  consistencyNodes,
  inclusionNodes,
  parseCheckpoint,
  parseNote,
  proveConsistency,
  proveInclusion,
} from '@logline/tlog';
import { findCheckpoint, findLeaf, newestCheckpoint } from '../storage/log-views.ts';
import { readNodes } from '../storage/read-nodes.ts';

/** A proof, or why there is none (yet): the words go out to the client. */
export type Proved<P> = { readonly proof: P } | { readonly missing: string };

/** Where an entry is in the tree of a signed checkpoint: that of `size`, or the newest. */
export async function proveEntry(
  pool: Pool,
  tenant: string,
  by: Parameters<typeof findLeaf>[2],
  size: number | undefined,
): Promise<Proved<InclusionProof>> {
  const [entry, checkpoint] = await Promise.all([
    findLeaf(pool, tenant, by),
    size === undefined ? newestCheckpoint(pool, tenant) : findCheckpoint(pool, tenant, size),
  ]);
  if (entry === null) return { missing: 'the log has no such entry' };
  if (checkpoint === null)
    return {
      missing: `no checkpoint was signed at size ${size ?? 0}: leave size out, or take that of a receipt`,
    };
  if (entry.index >= checkpoint.size)
    return { missing: `entry ${entry.index} is not in the tree of size ${checkpoint.size}: leave size out` };
  const [index, treeSize] = [BigInt(entry.index), BigInt(checkpoint.size)];
  const readNode = await readNodes(pool, tenant, inclusionNodes(index, treeSize), treeSize);
  if (readNode === null) return { missing: 'the log has no such entry' };
  const proof = {
    origin: originOf(checkpoint.note),
    index: entry.index,
    size: checkpoint.size,
    leaf: formatHex(entry.leaf),
    hashes: proveInclusion(index, treeSize, readNode).map((hash) => formatBase64(hash)),
    checkpoint: checkpoint.note,
  };
  return { proof };
}

/** That the log only grew from one size to another; both within the newest checkpoint. */
export async function proveGrowth(
  pool: Pool,
  tenant: string,
  from: number,
  to: number | undefined,
): Promise<Proved<ConsistencyProof>> {
  const newest = await newestCheckpoint(pool, tenant);
  if (newest === null) return { missing: 'the log has no checkpoint' };
  const target = to ?? newest.size;
  if (Math.max(from, target) > newest.size)
    return { missing: `the newest checkpoint has size ${newest.size}: ask within it` };
  if (from > target) return { missing: 'from is larger than to' };
  const [oldSize, newSize] = [BigInt(from), BigInt(target)];
  const [checkpoint, readNode] = await Promise.all([
    target === newest.size ? newest : findCheckpoint(pool, tenant, target),
    readNodes(pool, tenant, consistencyNodes(oldSize, newSize), newSize),
  ]);
  if (readNode === null) return { missing: 'the log is not there yet' };
  const proof = {
    origin: originOf(newest.note),
    from,
    to: target,
    hashes: proveConsistency(oldSize, newSize, readNode).map((hash) => formatBase64(hash)),
    ...(checkpoint === null ? {} : { checkpoint: checkpoint.note }),
  };
  return { proof };
}

function originOf(note: string): string {
  return parseCheckpoint(parseNote(note).text).origin;
}
