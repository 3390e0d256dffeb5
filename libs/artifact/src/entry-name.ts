export const MANIFEST_ENTRY = 'manifest.json';
const FOLDER = 'artifacts/';
/** `Id` of the contracts. */
const ID = /^[A-Za-z0-9._-]{1,64}$/;

/** `artifacts/<id>`. */
export function formatArtifactEntry(id: string): string {
  return `${FOLDER}${id}`;
}

/** The artifact's id in an entry's name; null for everything else, path escapes and directories included. */
export function parseArtifactEntry(name: string): string | null {
  const id = name.startsWith(FOLDER) ? name.slice(FOLDER.length) : '';
  return isArtifactId(id) ? id : null;
}

/** An id that can be a file name: `.` and `..` are well formed ids and no files. */
export function isArtifactId(id: string): boolean {
  return ID.test(id) && id !== '.' && id !== '..';
}
