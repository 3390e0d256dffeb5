import { blake3Hash, canonicalBytes, signObjectSync, type LocalSigner } from '@logline/canon-sign';
import { appendBatch, emptyTiledEdge } from '../src/batch.ts';
import { signCheckpoint } from '../src/checkpoint.ts';
import { leafHash } from '../src/leaf.ts';
import { type Evidence, pinLogKey } from '../src/log-keys.ts';
import { formatVkey, toVkey } from '../src/note.ts';
import { formatProof } from '../src/proof.ts';
import { testSigner } from './whole-tree.ts';

export const LOG = 'log.example/acme';
export const [first, second, third, stranger] = [1, 2, 3, 4].map(testSigner) as [
  LocalSigner,
  LocalSigner,
  LocalSigner,
  LocalSigner,
]; // four of four
export const vkey = (signer: LocalSigner): string => formatVkey(LOG, signer.publicKey);
export const pinned = pinLogKey(toVkey(LOG, first.publicKey));

export const EARLY = '2026-11-23T14:00:00.000Z';
export const FROM = '2026-11-24T00:00:00.000Z';
export const LATE = '2026-11-25T00:00:00.000Z';

let ids = 0;
/** A log of this one entry, at this time; its receipt by the first signer, its checkpoint by all. */
export function entry(span: object, ts: string, signers: readonly [LocalSigner, ...LocalSigner[]]): Evidence {
  const id = `urn:span:0193562b-9c00-7000-8000-${String(++ids).padStart(12, '0')}`;
  const spanBytes = canonicalBytes({ this: id, ...span });
  const { edge, root } = appendBatch(emptyTiledEdge(), [leafHash(spanBytes)]);
  const checkpoint = signCheckpoint(
    { origin: LOG, size: edge.size, root },
    signers.map((signer) => ({ name: LOG, signer })),
  );
  const merkle = formatProof({ index: 0n, hashes: [], checkpoint });
  const unsigned = { ts, hash: blake3Hash(spanBytes), merkle, this: id, log: LOG, index: 0 };
  return { receipt: signObjectSync('receipt', unsigned, signers[0]), spanBytes };
}

/** What differs from a rotation that holds. */
type Change = { readonly payload?: object; readonly span?: object; readonly agreed?: LocalSigner };
/** From the first key to the second, logged early by both; changed as said. */
export function rotation(
  { payload = {}, span = {}, agreed = second }: Change = {},
  ts = EARLY,
  signers: readonly [LocalSigner, ...LocalSigner[]] = [first, second],
): Evidence {
  const said = {
    tenant: 'acme',
    origin: LOG,
    previous: vkey(first),
    log_key: vkey(second),
    from: FROM,
    ...payload,
  };
  return entry(
    {
      intent: 'registry.log.rotated',
      subject: 'urn:tenant:acme',
      payload: signObjectSync('possession', said, agreed),
      ...span,
    },
    ts,
    signers,
  );
}
