import { formatHex } from '@logline/canon-sign';
import { growTiles, leafHash, tileHash, type TiledEdge } from '@logline/tlog';
import { ProjectorError } from '../errors.ts';
import type { Fact } from './fact.ts';

/** What the views know of one log: where it ends, and its right edge. Owned by the project loop. */
export type LogView = { readonly tenant: string; readonly edge: TiledEdge };

export type TileRow = {
  readonly level: number;
  readonly index: bigint;
  readonly hashes: Uint8Array;
  readonly root: Uint8Array;
};

/** What a run of new facts of one log adds to its view. */
export type LogGrowth = {
  readonly log: LogView;
  readonly leaves: readonly Uint8Array[];
  readonly tiles: readonly TileRow[];
};

/**
 * Grows the view of a log by facts that follow each other.
 * @throws ProjectorError `GAP` when they do not follow what is there; `BAD_FACT` when bytes do not hash to the leaf in the header
 */
export function growLog(before: LogView, facts: readonly Fact[]): LogGrowth {
  let next = Number(before.edge.size);
  const leaves = facts.map(({ bytes, place }) => {
    if (place.index !== next) {
      throw new ProjectorError('GAP', `fact ${place.index} of ${place.tenant} arrived, ${next} has not`);
    }
    next += 1;
    const leaf = leafHash(bytes);
    if (formatHex(leaf) !== place.leaf) {
      throw new ProjectorError(
        'BAD_FACT',
        `fact ${place.index} of ${place.tenant} does not hash to its leaf`,
      );
    }
    return leaf;
  });
  const { edge, tiles } = growTiles(before.edge, leaves);
  return {
    log: { tenant: before.tenant, edge },
    leaves,
    tiles: tiles.map(({ level, index, bytes }) => ({ level, index, hashes: bytes, root: tileHash(bytes) })),
  };
}
