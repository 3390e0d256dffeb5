import { blake3Hash, CanonError, type JsonValue, parseStrict } from '@logline/canon-sign';
import { ArtifactError } from './errors.ts';
import { formatArtifactEntry, isArtifactId, MANIFEST_ENTRY } from './entry-name.ts';
import { MAX_ENTRIES } from './limits.ts';

/** What a manifest says about one artifact: its bytes are the sealed ones. */
export type DeclaredArtifact = {
  readonly id: string;
  readonly hash: string;
  readonly sizeBytes: number | null;
};

export type JsonObject = { readonly [key: string]: JsonValue };

/** `Hash` of the contracts. */
const HASH = /^blake3:[0-9a-f]{64}$/;
const MAX_MANIFEST_BYTES = 1024 * 1024;

/** @throws ArtifactError `MANIFEST_MALFORMED` when the bytes are no strict JSON object */
export function parseManifestBytes(bytes: Uint8Array): JsonObject {
  try {
    const value = parseStrict(bytes, { maxBytes: MAX_MANIFEST_BYTES });
    if (isObject(value)) return value;
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw malformed(`it is not strict JSON: ${cause.message}`, cause);
  }
  throw malformed('it is not a JSON object');
}

/**
 * The artifacts a manifest lists. Looks at nothing else in it: whether the rest is well formed is for `checkManifest` to say.
 *
 * @throws ArtifactError `MANIFEST_MALFORMED` when the list cannot be read or names an id twice (in any case); `TOO_MANY_ENTRIES`
 */
export function declaredArtifacts(manifest: JsonObject): readonly DeclaredArtifact[] {
  const list = manifest['artifacts'] ?? [];
  if (!Array.isArray(list)) throw malformed('its artifacts are not a list');
  if (list.length >= MAX_ENTRIES) {
    throw new ArtifactError(
      'TOO_MANY_ENTRIES',
      `a .llc holds at most ${MAX_ENTRIES} entries, its manifest lists ${list.length}`,
    );
  }
  const declared = list.map((item: JsonValue, i) => parseArtifact(item, i));
  const seen = new Set<string>();
  for (const { id } of declared) {
    if (seen.has(id.toLowerCase())) throw malformed(`it lists the artifact ${id} twice`);
    seen.add(id.toLowerCase());
  }
  return declared;
}

/**
 * Returns quietly when the files are exactly those the manifest lists, each with the hash and size it names.
 *
 * @throws ArtifactError `UNDECLARED_FILE`, `MISSING_FILE`, `SIZE_MISMATCH`, `HASH_MISMATCH`
 */
export function verifyFiles(
  declared: readonly DeclaredArtifact[],
  files: ReadonlyMap<string, Uint8Array>,
): void {
  const ids = new Set(declared.map(({ id }) => id));
  for (const id of files.keys()) {
    if (!ids.has(id)) throw fault('UNDECLARED_FILE', id, 'is not listed in the manifest');
  }
  for (const { id, hash, sizeBytes } of declared) {
    const bytes = files.get(id);
    if (bytes === undefined) throw fault('MISSING_FILE', id, 'is listed in the manifest and not there');
    if (sizeBytes !== null && sizeBytes !== bytes.length) {
      throw fault('SIZE_MISMATCH', id, `has ${bytes.length} bytes where the manifest says ${sizeBytes}`);
    }
    if (blake3Hash(bytes) !== hash)
      throw fault('HASH_MISMATCH', id, `is not the one the manifest names (${hash.slice(0, 15)}…)`);
  }
}

function parseArtifact(item: JsonValue, index: number): DeclaredArtifact {
  if (!isObject(item)) throw malformed(`/artifacts/${index} is not an object`);
  const { id, hash, size_bytes: size } = item;
  if (typeof id !== 'string' || !isArtifactId(id))
    throw malformed(`/artifacts/${index}/id is no artifact id`);
  if (typeof hash !== 'string' || !HASH.test(hash))
    throw malformed(`/artifacts/${index}/hash is not blake3:<64 hex>`);
  if (size !== undefined && !(typeof size === 'number' && Number.isSafeInteger(size) && size >= 0)) {
    throw malformed(`/artifacts/${index}/size_bytes is not a count`);
  }
  return { id, hash, sizeBytes: size ?? null };
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(why: string, cause?: unknown): ArtifactError {
  return new ArtifactError('MANIFEST_MALFORMED', `${MANIFEST_ENTRY} cannot be used: ${why}`, {
    cause,
    entry: MANIFEST_ENTRY,
  });
}

function fault(
  code: 'UNDECLARED_FILE' | 'MISSING_FILE' | 'SIZE_MISMATCH' | 'HASH_MISMATCH',
  id: string,
  why: string,
): ArtifactError {
  const entry = formatArtifactEntry(id);
  return new ArtifactError(code, `${entry} ${why}`, { entry });
}
