import { formatBase64 } from '@logline/canon-sign';
import { parseDecimal } from './decimal.ts';
import { TlogError } from './errors.ts';
import { type NoteKey, type Vkey, decodeBase64, signNote, verifyNote } from './note.ts';
import { HASH_BYTES, MAX_TREE_SIZE, emptyRoot, isSameHash } from './tree.ts';

/** What a log says about itself: so many leaves, with this root. */
export interface Checkpoint {
  /** Which log: opaque, compared as a whole and never by its parts. */
  readonly origin: string;
  readonly size: bigint;
  /** 32 bytes; of size 0, always that of the empty tree. */
  readonly root: Uint8Array;
  /** Further lines of the note's text, opaque; none when left out. We write none: monitors cannot audit them. */
  readonly extensions?: readonly string[];
}

/** Which log is meant, and the keys that may speak for it. */
export interface LogIdentity {
  readonly origin: string;
  readonly vkeys: readonly Vkey[];
}

/**
 * The text of the note that a checkpoint is. Pairs with {@link parseCheckpoint}.
 * @throws TlogError `MALFORMED_CHECKPOINT` if it could not be read back
 * @see C2SP tlog-checkpoint, "Note text"
 */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions = [] } = checkpoint;
  const lines = [origin, size.toString(), formatBase64(root), ...extensions];
  const text = `${lines.join('\n')}\n`;
  checkTree(size, root);
  if (lines.some((line) => line === '' || line.includes('\n'))) {
    throw new TlogError('MALFORMED_CHECKPOINT', 'the origin or an extension is empty or more than a line');
  }
  return text;
}

/**
 * The checkpoint in the text of a note (the text alone, without signatures: see `parseNote` and {@link verifyCheckpoint}).
 * @throws TlogError `MALFORMED_CHECKPOINT`
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const [origin, size, root, ...extensions] = lines.slice(0, -1);
  if (
    lines.at(-1) !== '' ||
    origin === undefined ||
    size === undefined ||
    root === undefined ||
    lines.slice(0, -1).includes('')
  ) {
    throw new TlogError('MALFORMED_CHECKPOINT', 'a checkpoint is three or more lines, none of them empty');
  }
  const checkpoint = {
    origin,
    size: parseDecimal(size, 'MALFORMED_CHECKPOINT', 'the tree size'),
    root: decodeBase64(root, 'MALFORMED_CHECKPOINT'),
  };
  checkTree(checkpoint.size, checkpoint.root);
  return extensions.length > 0 ? { ...checkpoint, extensions } : checkpoint;
}

/**
 * The checkpoint as a signed note. A log must never sign one that its earlier ones are inconsistent with: that is the
 * caller's to hold.
 * @throws TlogError `MALFORMED_CHECKPOINT` as {@link formatCheckpoint} does, `MALFORMED_KEY`, `MALFORMED_NOTE` as `signNote` does
 */
export function signCheckpoint(checkpoint: Checkpoint, keys: readonly NoteKey[]): string {
  return signNote(formatCheckpoint(checkpoint), keys);
}

/**
 * The checkpoint in a signed note, once a trusted key of the log meant has signed it. Safe on hostile input: nothing of it
 * is believed before the signature is verified.
 *
 * @throws TlogError `MALFORMED_NOTE`, `UNKNOWN_KEY`, `SIGNATURE_INVALID` as `verifyNote` does
 * @throws TlogError `MALFORMED_CHECKPOINT` if the note is signed but no checkpoint
 * @throws TlogError `ORIGIN_MISMATCH` if it is of another log
 * @see C2SP tlog-checkpoint
 */
export function verifyCheckpoint(note: string, { origin, vkeys }: LogIdentity): Checkpoint {
  const checkpoint = parseCheckpoint(verifyNote(note, vkeys).text);
  if (checkpoint.origin !== origin)
    throw new TlogError('ORIGIN_MISMATCH', 'the checkpoint is of another log than the one meant');
  return checkpoint;
}

function checkTree(size: bigint, root: Uint8Array): void {
  if (size < 0n || size > MAX_TREE_SIZE)
    throw new TlogError('MALFORMED_CHECKPOINT', 'the tree size is not below 2^63');
  if (root.length !== HASH_BYTES)
    throw new TlogError('MALFORMED_CHECKPOINT', `a root has 32 bytes, not ${root.length}`);
  if (size === 0n && !isSameHash(root, emptyRoot())) {
    throw new TlogError('MALFORMED_CHECKPOINT', 'the tree of size 0 has the root of another');
  }
}
