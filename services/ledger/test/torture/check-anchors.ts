import { anchorStore } from '../../src/anchor/anchor.store.ts';
import { Violation } from './claims.ts';
import { PARTITIONS, type TortureWorld } from './torture-world.ts';

type StoredTip = { readonly position: number; readonly chain: Buffer; readonly previous: Buffer };

/**
 * The anchor of each partition stands at its last commit, or at the one before, where a process died between the two and nobody has had a turn since.
 * @throws Violation
 */
export async function checkAnchors({ ask, nc }: Pick<TortureWorld, 'ask' | 'nc'>): Promise<void> {
  const store = anchorStore(nc);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const [tip] = await ask<StoredTip>(
      'SELECT position, chain, previous FROM partition WHERE partition = $1',
      [partition],
    );
    const { anchor } = await store.read(partition);
    if (tip === undefined || tip.position === 0) continue;
    const stands =
      anchor === undefined
        ? tip.position === 1
        : (anchor.position === tip.position && tip.chain.equals(anchor.chain)) ||
          (anchor.position === tip.position - 1 && tip.previous.equals(anchor.chain));
    if (!stands)
      throw new Violation(
        `the anchor of partition ${partition} stands at ${anchor?.position ?? 'nothing'}, its database at ${tip.position}`,
      );
  }
}
