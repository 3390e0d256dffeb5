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
  /** The facts taken, and their leaf hashes. */
  readonly facts: readonly Fact[];
  readonly leaves: readonly Uint8Array[];
  readonly tiles: readonly TileRow[];
  /** Facts that are not what the ledger named, each with the reason. Facts that are there already are in no list. */
  readonly refused: readonly { readonly fact: Fact; readonly error: ProjectorError }[];
  /** Facts that came too early: those between are missing. They are left aside, and come again behind what is missing. */
  readonly early: readonly Fact[];
};

/** Grows the view of a log by those facts that follow it without a gap and hash to the leaf the ledger named. */
export function growLog(before: LogView, facts: readonly Fact[]): LogGrowth {
  const { tenant } = before;
  let next = Number(before.edge.size);
  const taken: Fact[] = [];
  const leaves: Uint8Array[] = [];
  const refused: { fact: Fact; error: ProjectorError }[] = [];
  const early: Fact[] = [];
  for (const fact of facts) {
    const { index, leaf } = fact.place;
    if (index < next) continue;
    if (index > next) {
      early.push(fact);
      continue;
    }
    const hash = leafHash(fact.bytes);
    if (formatHex(hash) !== leaf) {
      const message = `fact ${index} of ${tenant} does not hash to its leaf`;
      refused.push({ fact, error: new ProjectorError('BAD_FACT', message) });
      continue;
    }
    taken.push(fact);
    leaves.push(hash);
    next += 1;
  }
  const { edge, tiles } = growTiles(before.edge, leaves);
  return {
    log: { tenant, edge },
    facts: taken,
    leaves,
    tiles: tiles.map(({ level, index, bytes }) => ({ level, index, hashes: bytes, root: tileHash(bytes) })),
    refused,
    early: early.filter(({ place }) => place.index >= next),
  };
}
