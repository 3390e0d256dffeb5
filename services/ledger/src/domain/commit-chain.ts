import { crc32 } from 'node:zlib';
import { blake3Digest, formatHex, type LocalSigner, signedMessage, utf8 } from '@logline/canon-sign';

/**
 * What a commit leaves behind for whoever checks the database (decision 0011). Each log's commits form a chain of digests, each over the one
 * before it, its signature, the checkpoint, and all that is stored of the entries and follows from nothing else. The last link's signature
 * vouches for every receipt before it, so that a million of them are checked by hashing.
 */
export type CommitLink = {
  /** 32 bytes. */
  readonly chain: Uint8Array;
  /** 64 bytes, by the log's key; of the context `ll.commit.v1`. */
  readonly signature: Uint8Array;
};

/** A link with four bytes for each entry, which trust nobody and only name the one that was changed. */
export type MarkedLink = CommitLink & { readonly marks: Uint8Array };

/** What is stored of an entry beside its bytes and what follows from them. */
export type Trailer = {
  readonly timeMs: number;
  /** Index of the cause, for a verdict that commits with it. */
  readonly verdictOf: number | undefined;
  /** 16 bytes. */
  readonly trace: Uint8Array;
  /** 64 bytes: the receipt's. */
  readonly signature: Uint8Array;
};

export const TRAILER_BYTES = 96;
export const MARK_BYTES = 4;

/** Log time, cause (0 for none, else its index and one), trace, receipt signature: always {@link TRAILER_BYTES}. */
export function writeTrailer({ timeMs, verdictOf, trace, signature }: Trailer, to: Buffer, at: number): void {
  to.writeBigUInt64BE(BigInt(timeMs), at);
  to.writeBigUInt64BE(verdictOf === undefined ? 0n : BigInt(verdictOf) + 1n, at + 8);
  to.set(trace, at + 16);
  to.set(signature, at + 32);
}

/** The trailer at this place; the bytes of its trace and signature are those it was read from. */
export function readTrailer(from: Buffer, at: number): Trailer {
  const cause = from.readBigUInt64BE(at + 8);
  return {
    timeMs: Number(from.readBigUInt64BE(at)),
    verdictOf: cause === 0n ? undefined : Number(cause - 1n),
    trace: from.subarray(at + 16, at + 32),
    signature: from.subarray(at + 32, at + TRAILER_BYTES),
  };
}

export function formatTrailers(trailers: readonly Trailer[]): Buffer {
  const bytes = Buffer.alloc(trailers.length * TRAILER_BYTES);
  trailers.forEach((trailer, nth) => writeTrailer(trailer, bytes, nth * TRAILER_BYTES));
  return bytes;
}

/** The digest of the next link. `trailers` are those of the commit's entries, one behind the other. */
export function chainDigest(
  before: CommitLink | undefined,
  checkpoint: string,
  trailers: Uint8Array,
): Uint8Array {
  const note = utf8(checkpoint);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(note.length);
  const { chain, signature } = before ?? FIRST;
  return blake3Digest(Buffer.concat([chain, signature, length, note, trailers]));
}
const FIRST: CommitLink = { chain: new Uint8Array(32), signature: new Uint8Array(64) };

/** CRC-32 of each trailer. */
export function marksOf(trailers: Uint8Array): Buffer {
  const count = trailers.length / TRAILER_BYTES;
  const marks = Buffer.alloc(count * MARK_BYTES);
  for (let nth = 0; nth < count; nth++) {
    marks.writeUInt32BE(
      crc32(trailers.subarray(nth * TRAILER_BYTES, (nth + 1) * TRAILER_BYTES)),
      nth * MARK_BYTES,
    );
  }
  return marks;
}

/** What is signed: up to this size, that is what the log has written. */
export function chainMessage(log: string, size: number, chain: Uint8Array): Uint8Array {
  return signedMessage('commit', { log, size, chain: `blake3:${formatHex(chain)}` });
}

export type Commit = {
  /** Origin of the log. */
  readonly log: string;
  /** After the commit. */
  readonly size: number;
  readonly checkpoint: string;
  readonly trailers: readonly Trailer[];
};

/** Goes on with the chain. Costs a hash over about a hundred bytes an entry, and one signature. */
export function linkCommit(
  before: CommitLink | undefined,
  commit: Commit,
  signer: Pick<LocalSigner, 'sign'>,
): MarkedLink {
  const trailers = formatTrailers(commit.trailers);
  const chain = chainDigest(before, commit.checkpoint, trailers);
  return {
    chain,
    signature: signer.sign(chainMessage(commit.log, commit.size, chain)),
    marks: marksOf(trailers),
  };
}
