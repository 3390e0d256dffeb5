import { isValidSignature, signedMessage } from '@logline/canon-sign';
import { testKey } from '@logline/testing';
import { describe, expect, it } from 'vitest';
import {
  chainDigest,
  chainMessage,
  type Commit,
  formatTrailers,
  linkCommit,
  MARK_BYTES,
} from './commit-chain.ts';

const { signer } = testKey('log');

function commitOf(size: number, count: number, change: Partial<Commit['trailers'][number]> = {}): Commit {
  const trailers = Array.from({ length: count }, (_, at) => ({
    timeMs: 1_000 + size,
    verdictOf: at === 1 ? 0 : undefined,
    trace: new Uint8Array(16).fill(at),
    signature: new Uint8Array(64).fill(at + 1),
    ...(at === 0 ? change : {}),
  }));
  return { log: 'logs.test/acme', size, checkpoint: `note of ${size}\n`, trailers };
}

describe('the chain of commits', () => {
  it('is signed over what the log has written, and that signature is of nothing else', () => {
    const { chain, signature } = linkCommit(undefined, commitOf(3, 3), signer);
    expect(isValidSignature(signer.publicKey, chainMessage('logs.test/acme', 3, chain), signature)).toBe(
      true,
    );
    for (const message of [
      chainMessage('logs.test/acme', 4, chain),
      chainMessage('logs.test/acne', 3, chain),
      signedMessage('receipt', { log: 'logs.test/acme', size: 3, chain: '' }),
    ])
      expect(isValidSignature(signer.publicKey, message, signature)).toBe(false);
  });

  it('changes with everything that is stored and follows from nothing else', () => {
    const before = linkCommit(undefined, commitOf(1, 1), signer);
    const { chain } = linkCommit(before, commitOf(3, 2), signer);
    const others = [
      linkCommit(undefined, commitOf(3, 2), signer),
      linkCommit({ ...before, signature: new Uint8Array(64) }, commitOf(3, 2), signer),
      linkCommit(before, { ...commitOf(3, 2), checkpoint: 'another note\n' }, signer),
      linkCommit(before, commitOf(3, 3), signer),
      linkCommit(before, commitOf(3, 2, { timeMs: 1 }), signer),
      linkCommit(before, commitOf(3, 2, { verdictOf: 0 }), signer),
      linkCommit(before, commitOf(3, 2, { trace: new Uint8Array(16).fill(9) }), signer),
      linkCommit(before, commitOf(3, 2, { signature: new Uint8Array(64) }), signer),
    ].map((link) => Buffer.from(link.chain).toString('hex'));
    expect(new Set([Buffer.from(chain).toString('hex'), ...others]).size).toBe(others.length + 1);
  });

  it('marks the entry that was changed', () => {
    const one = linkCommit(undefined, commitOf(3, 3), signer).marks;
    const other = linkCommit(undefined, commitOf(3, 3, { trace: new Uint8Array(16).fill(7) }), signer).marks;
    expect(one).toHaveLength(3 * MARK_BYTES);
    expect(one.subarray(MARK_BYTES)).toEqual(other.subarray(MARK_BYTES));
    expect(one.subarray(0, MARK_BYTES)).not.toEqual(other.subarray(0, MARK_BYTES));
  });

  it('is the same digest from bytes as from a commit', () => {
    const commit = commitOf(3, 3);
    expect(linkCommit(undefined, commit, signer).chain).toEqual(
      chainDigest(undefined, commit.checkpoint, formatTrailers(commit.trailers)),
    );
  });
});
