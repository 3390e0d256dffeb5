import { crc32 } from './crc32.ts';
import { declaredArtifacts, parseManifestBytes, verifyFiles } from './declared.ts';
import { type Directory, type Entry, readDirectory } from './directory.ts';
import { MANIFEST_ENTRY, parseArtifactEntry } from './entry-name.ts';
import { ArtifactError } from './errors.ts';
import type { Unpacked } from './pack.ts';

/**
 * What a `.llc` holds, once everything about it has been doubted: container, names, kinds, sizes, checksums, and that the files are
 * exactly those the manifest lists, by hash. Signatures are not looked at. Safe on hostile input: at most 64 MiB are inflated.
 *
 * @throws ArtifactError any of its codes; the first fault in the order container, entries, manifest, artifacts
 * @see protocol §5
 */
export async function unpackLlc(bytes: Uint8Array): Promise<Unpacked> {
  const directory = await readDirectory(bytes);
  const byName = new Map(directory.entries.map((entry) => [entry.name, entry]));
  const manifestEntry = byName.get(MANIFEST_ENTRY);
  if (manifestEntry === undefined)
    throw new ArtifactError('MANIFEST_MISSING', `there is no ${MANIFEST_ENTRY} inside`);

  const manifestBytes = await inflate(directory, manifestEntry);
  const manifest = parseManifestBytes(manifestBytes);
  const declared = declaredArtifacts(manifest);

  const files = new Map<string, Uint8Array>();
  for (const entry of directory.entries) {
    const id = parseArtifactEntry(entry.name);
    if (id !== null) files.set(id, await inflate(directory, entry));
  }
  verifyFiles(declared, files);
  const artifacts = new Map(declared.map(({ id }) => [id, files.get(id) ?? new Uint8Array()])); // present: just verified
  return { manifestBytes, manifest, artifacts };
}

async function inflate(directory: Directory, entry: Entry): Promise<Uint8Array> {
  const bytes = await directory.read(entry);
  if (crc32(bytes) !== entry.crc32) {
    throw new ArtifactError('CRC_MISMATCH', `${entry.name} is damaged: its checksum differs`, {
      entry: entry.name,
    });
  }
  return bytes;
}
