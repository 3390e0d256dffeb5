import { canonicalBytes, CanonError } from '@logline/canon-sign';
import { zipSync } from 'fflate';
import { declaredArtifacts, type JsonObject, parseManifestBytes, verifyFiles } from './declared.ts';
import { formatArtifactEntry, MANIFEST_ENTRY } from './entry-name.ts';
import { ArtifactError } from './errors.ts';
import { MAX_TOTAL_BYTES } from './limits.ts';

export type Unpacked = {
  /** `manifest.json` as it stands in the file. Its provenance signs the canonical form of this value. */
  readonly manifestBytes: Uint8Array;
  readonly manifest: JsonObject;
  /** Sealed bytes by artifact id, in the order in which the manifest lists them. */
  readonly artifacts: ReadonlyMap<string, Uint8Array>;
};

/**
 * A `.llc`: the manifest in its canonical form, and the sealed artifacts it lists. The same input gives the same bytes in every
 * time zone and with every version of the compressor, since nothing is compressed (ciphertext does not shrink).
 * Whatever `unpackLlc` would refuse is refused here.
 *
 * @throws ArtifactError `MANIFEST_MALFORMED`, `UNDECLARED_FILE`, `MISSING_FILE`, `SIZE_MISMATCH`, `HASH_MISMATCH`,
 * `TOO_MANY_ENTRIES`, `TOO_LARGE`
 * @see protocol §5
 */
export function packLlc(parts: {
  readonly manifest: unknown;
  readonly artifacts: ReadonlyMap<string, Uint8Array>;
}): Uint8Array {
  const manifestBytes = toManifestBytes(parts.manifest);
  const declared = declaredArtifacts(parseManifestBytes(manifestBytes));
  verifyFiles(declared, parts.artifacts);
  const files = [...parts.artifacts].sort(([a], [b]) => (a < b ? -1 : 1));
  let totalBytes = manifestBytes.length;
  for (const [, bytes] of files) totalBytes += bytes.length;
  if (totalBytes > MAX_TOTAL_BYTES) {
    throw new ArtifactError(
      'TOO_LARGE',
      `a .llc holds at most ${MAX_TOTAL_BYTES} bytes, these are ${totalBytes}`,
    );
  }
  const entries = Object.fromEntries([
    [MANIFEST_ENTRY, manifestBytes],
    ...files.map(([id, bytes]) => [formatArtifactEntry(id), bytes] as const),
  ]);
  // a calendar value without a zone is written as it stands; an instant would differ from zone to zone
  return zipSync(entries, { level: 0, mtime: '1980-01-01T00:00:00' });
}

function toManifestBytes(manifest: unknown): Uint8Array {
  try {
    return canonicalBytes(manifest);
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new ArtifactError('MANIFEST_MALFORMED', `the manifest is not plain JSON: ${cause.message}`, {
      cause,
      entry: MANIFEST_ENTRY,
    });
  }
}
