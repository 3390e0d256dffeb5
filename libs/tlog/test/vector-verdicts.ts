import type * as Verifier from '../src/verify.ts';

/** What the offline verifier exports, in whatever form it was built. */
export type OfflineVerifier = typeof Verifier;

/** The vectors that the offline verifier can judge: files of `spec/vectors/tlog` by their names. */
export const JUDGED = ['notes', 'checkpoints', 'proofs', 'receipts', 'growth'] as const;
// read from the repository's own files, held to their shape by the generator that writes them
// oxlint-disable-next-line typescript/no-explicit-any
export type VectorFiles = Readonly<Record<(typeof JUDGED)[number], any>>;

/** What was said of one case, and what should have been: a code, or what an accepted one comes out as. */
export interface Judged {
  readonly name: string;
  readonly verdict: string;
  readonly expected: string;
}

/**
 * Runs all of them. Needs nothing but what it is given: a page and a plain Node run this function too, without its
 * imports, which are types.
 */
export function judgeVectors(verifier: OfflineVerifier, files: VectorFiles): Judged[] {
  const { TlogError, parseVkey } = verifier;
  const fromBase64 = (text: string): Uint8Array =>
    Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
  const judged: Judged[] = [];
  const judge = (name: string, run: () => string, expected: string): void => {
    let verdict: string;
    try {
      verdict = run();
    } catch (error) {
      verdict = error instanceof TlogError ? error.code : `threw ${String(error)}`;
    }
    judged.push({ name, verdict, expected });
  };
  const textOf = ({ note, note_bytes }: { note?: string; note_bytes?: string }): string =>
    note ?? verifier.decodeNote(fromBase64(note_bytes ?? ''));
  const head = ({ size, root }: Verifier.TreeHead): string => `${size} ${toBase64(root)}`;

  for (const one of files.notes.cases)
    judge(
      `note: ${one.name}`,
      () => verifier.verifyNote(textOf(one), one.vkeys.map(parseVkey)).text,
      one.code ?? one.text,
    );
  for (const vkey of files.notes.malformed_vkeys)
    judge(`key: ${JSON.stringify(vkey)}`, () => parseVkey(vkey).name, 'MALFORMED_KEY');
  for (const one of files.checkpoints.cases)
    judge(
      `checkpoint: ${one.name}`,
      () =>
        head(verifier.verifyCheckpoint(one.note, { origin: one.origin, vkeys: one.vkeys.map(parseVkey) })),
      one.code ?? `${one.size} ${one.root}`,
    );
  for (const one of files.proofs.cases)
    judge(
      `proof: ${one.name}`,
      () => {
        const log = { origin: one.origin, vkeys: one.vkeys.map(parseVkey) };
        const leaf = verifier.verifyProof(one.text, fromBase64(one.leaf_hash), log);
        return `${leaf.index} of ${head(leaf)}`;
      },
      one.code ?? `${one.index} of ${one.size} ${one.root}`,
    );
  const verifyReceipt = (one: { receipt: Verifier.Receipt; span: string }, vkeys: readonly string[]) =>
    verifier.verifyReceipt({
      receipt: one.receipt,
      spanBytes: new TextEncoder().encode(one.span),
      vkeys: vkeys.map(parseVkey),
    });
  for (const one of files.receipts.cases)
    judge(
      `receipt: ${one.name}`,
      () => {
        const proven = verifyReceipt(one, one.vkeys);
        return `${proven.index} of ${head(proven)}`;
      },
      one.code ?? `${one.index} of ${one.size} ${one.root}`,
    );
  const { vkeys, receipts, cases } = files.growth;
  for (const one of cases)
    judge(
      `growth: ${one.name}`,
      () => {
        const [seen, next] = [
          verifyReceipt(receipts[one.seen], vkeys),
          verifyReceipt(receipts[one.next], vkeys),
        ];
        const order = verifier.orderHeads(seen, next);
        const tiles = (id: Verifier.TileId): Uint8Array | undefined => {
          const bytes = one.tiles[verifier.formatTilePath(id)];
          return bytes === undefined ? undefined : fromBase64(bytes);
        };
        const newest =
          one.tiles === undefined
            ? verifier.verifyGrowth(seen, next, one.proof.map(fromBase64))
            : verifier.verifyGrowthFromTiles(seen, next, tiles);
        return `${order} ${head(newest)}`;
      },
      one.code ??
        `${one.order} ${[receipts[one.seen], receipts[one.next]]
          .toSorted((a, b) => Number(a.size) - Number(b.size))
          .map(({ size, root }) => `${size} ${root}`)
          .at(-1)}`,
    );
  return judged;
}
