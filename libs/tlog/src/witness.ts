import { formatBase64 } from '@logline/canon-sign';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { verifyConsistency } from './consistency.ts';
import { cosign } from './cosignature.ts';
import { parseDecimal } from './decimal.ts';
import { TlogError } from './errors.ts';
import {
  decodeBase64,
  formatNote,
  formatSignature,
  type NoteKey,
  parseNote,
  verifyNote,
  type Vkey,
} from './note.ts';
import { emptyRoot, HASH_BYTES } from './tree.ts';

const MAX_PROOF_LINES = 63;

/** "Cosign this checkpoint: it grew from the one of `oldSize` leaves that you cosigned last." */
export interface AddCheckpoint {
  readonly oldSize: bigint;
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint as it came; nothing of it is verified by being read. */
  readonly checkpoint: string;
  /** The log that the checkpoint says it is of. */
  readonly origin: string;
}

/** What a witness decides by. */
export interface WitnessKnowledge {
  /** The keys trusted for the log; undefined when it is not one of ours to watch. */
  readonly vkeys: readonly Vkey[] | undefined;
  /** What was last cosigned for it; undefined when nothing ever was. */
  readonly latest: Pick<Checkpoint, 'size' | 'root'> | undefined;
  readonly witness: NoteKey;
  /** POSIX seconds, now. */
  readonly seconds: bigint;
}

/** By HTTP status. `why` is for people. */
export type WitnessVerdict =
  | {
      readonly status: 200;
      readonly checkpoint: Checkpoint;
      /** The new state, and what monitors are served: the text, the log's own signatures that verified, our cosignature, and no other line. */
      readonly note: string;
      /** The answer's body. Only to be sent once `note` is on disk in place of `latest`. */
      readonly cosignature: string;
    }
  | { readonly status: 409; readonly latestSize: bigint; readonly why: string }
  | {
      readonly status: 400 | 403 | 404 | 422;
      readonly why: string;
      /** The log has signed two trees of one size: what was submitted and what is stored are the evidence. */
      readonly isFork?: true;
    };

/**
 * Reads the body of an `add-checkpoint` request. Safe on hostile input: lines and lengths are bounded.
 * @throws TlogError `MALFORMED_REQUEST`; `MALFORMED_NOTE` if what follows the empty line is no signed note
 * @see C2SP tlog-witness, "add-checkpoint"
 */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const end = body.indexOf('\n\n');
  if (end < 0) throw new TlogError('MALFORMED_REQUEST', 'there is no empty line before the checkpoint');
  // a line of a proof has 45 bytes: no more is ever split
  const [first = '', ...proof] = body
    .slice(0, Math.min(end, 64 * (MAX_PROOF_LINES + 2)))
    .split('\n', MAX_PROOF_LINES + 2);
  if (!first.startsWith('old '))
    throw new TlogError('MALFORMED_REQUEST', 'the first line is not: old <size>');
  if (proof.length > MAX_PROOF_LINES)
    throw new TlogError('MALFORMED_REQUEST', `a proof of more than ${MAX_PROOF_LINES} hashes is not read`);
  const checkpoint = body.slice(end + 2);
  const { text } = parseNote(checkpoint);
  return {
    oldSize: parseDecimal(first.slice(4), 'MALFORMED_REQUEST', 'the old size'),
    proof: proof.map(parseHash),
    checkpoint,
    origin: text.slice(0, text.indexOf('\n')),
  };
}

/** The body of an `add-checkpoint` request. Pairs with {@link parseAddCheckpoint}. */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: Omit<AddCheckpoint, 'origin'>): string {
  return `old ${oldSize}\n${proof.map((hash) => `${formatBase64(hash)}\n`).join('')}\n${checkpoint}`;
}

/**
 * What a witness answers, and what it then knows. Pure: `latest` must be what is stored, and stay it until the verdict's
 * `note` is stored in its place, or two answers could cosign two histories.
 *
 * Checked in this order: the log is known (404), its signatures (403), the sizes in the request (400), our size (409),
 * the proof and the roots (422). Extension lines are cosigned with the rest: an Ed25519 cosignature covers them.
 *
 * @see C2SP tlog-witness, "add-checkpoint"
 */
export function decideAddCheckpoint(
  { oldSize, proof, checkpoint: submitted }: AddCheckpoint,
  { vkeys, latest, witness, seconds }: WitnessKnowledge,
): WitnessVerdict {
  if (vkeys === undefined || vkeys.length === 0) return no(404, 'this log is not watched here');
  let text: string;
  try {
    ({ text } = verifyNote(submitted, vkeys));
  } catch (error) {
    return no(403, reasonOf(error));
  }
  let checkpoint: Checkpoint;
  try {
    checkpoint = parseCheckpoint(text);
  } catch (error) {
    return no(claimsEmptyTree(text) ? 422 : 400, reasonOf(error));
  }
  const { size, root } = checkpoint;
  if (oldSize > size) return no(400, `the old size ${oldSize} is beyond the checkpoint's, ${size}`);
  const latestSize = latest?.size ?? 0n;
  if (oldSize !== latestSize)
    return { status: 409, latestSize, why: `cosigned last at ${latestSize}, not ${oldSize}` };
  try {
    verifyConsistency({ oldSize, newSize: size, proof }, latest?.root ?? emptyRoot(), root);
  } catch (error) {
    const isFork = oldSize > 0n && error instanceof TlogError && error.code === 'ROOT_MISMATCH';
    return { ...no(422, reasonOf(error)), ...(isFork && oldSize === size ? { isFork } : {}) };
  }
  const cosignature = cosign(text, witness, seconds);
  const trusted = parseNote(submitted).signatures.filter(({ name, keyId }) =>
    vkeys.some((vkey) => vkey.name === name && vkey.keyId === keyId),
  );
  return {
    status: 200,
    checkpoint,
    note: formatNote({ text, signatures: [...trusted, cosignature] }),
    cosignature: formatSignature(cosignature),
  };
}

function no(
  status: 400 | 403 | 404 | 422,
  why: string,
): { readonly status: 400 | 403 | 404 | 422; readonly why: string } {
  return { status, why };
}

/** A size of 0 with a root, whichever: the spec wants the wrong one answered as a proof that fails, not as garbage. */
function claimsEmptyTree(text: string): boolean {
  return text.split('\n', 2)[1] === '0';
}

function parseHash(line: string): Uint8Array {
  const hash = line.length === 44 ? decodeBase64(line, 'MALFORMED_REQUEST') : new Uint8Array(0);
  if (hash.length !== HASH_BYTES)
    throw new TlogError('MALFORMED_REQUEST', 'a line of the proof is not the base64 of 32 bytes');
  return hash;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof TlogError)) throw error;
  return error.message;
}
