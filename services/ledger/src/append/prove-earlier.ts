import { formatHex } from '@logline/canon-sign';
import { formatInstant } from '@logline/contracts';
import { formatTilePath, inclusionNodes, proveInclusion, tileReader, tilesOfNodes } from '@logline/tlog';
import type { Proven } from '../domain/ack.ts';
import { parseEntry } from '../domain/entry.ts';
import { toReceipt, type Log } from '../domain/seal.ts';
import type { Sql } from '../storage/append-connection.ts';
import { readReceipts } from '../storage/read-receipts.ts';
import { readTiles } from '../storage/read-tiles.ts';

/**
 * The receipts of entries committed earlier, byte for byte as they were first given: signature and checkpoint are the stored ones, the proof
 * is that of the tree as it was at that checkpoint. By index; what is not committed is not in the result.
 */
export async function proveEarlier(
  sql: Sql,
  log: Pick<Log, 'logId' | 'tenant' | 'origin'>,
  indexes: readonly number[],
): Promise<ReadonlyMap<number, Proven>> {
  const stored = await readReceipts(sql, log.logId, indexes);
  const proven = new Map<number, Proven>();
  for (const [checkpointSize, ofCommit] of Map.groupBy(stored, (one) => one.checkpointSize)) {
    const size = BigInt(checkpointSize);
    const nodes = ofCommit.flatMap(({ index }) => inclusionNodes(BigInt(index), size));
    const tiles = await readTiles(sql, log.logId, tilesOfNodes(nodes, size));
    const readNode = tileReader(size, (tile) => tiles.get(formatTilePath(tile)) ?? new Uint8Array(0));
    for (const one of ofCommit) {
      const { index, timeMs, digest, signature, checkpoint } = one;
      const receipt = toReceipt({
        statement: {
          ts: formatInstant(timeMs),
          hash: `blake3:${formatHex(digest)}`,
          this: one.this,
          log: log.origin,
          index,
        },
        signature,
        proof: proveInclusion(BigInt(index), size, readNode),
        checkpoint,
      });
      proven.set(one.index, {
        receipt,
        verdict: one.verdictBytes && parseEntry(one.verdictBytes, log.tenant),
      });
    }
  }
  return proven;
}
