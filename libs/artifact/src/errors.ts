/** Why a `.llc` was refused. Every code is about bytes or values that somebody handed in. */
export const ARTIFACT_FAULTS = {
  NOT_A_ZIP: 'rejected', // no end record, or a directory that cannot be read
  TRAILING_BYTES: 'rejected', // bytes before the first entry or after the end record
  TOO_MANY_ENTRIES: 'rejected', // more than MAX_ENTRIES
  TOO_LARGE: 'rejected', // more than MAX_TOTAL_BYTES when unpacked
  BAD_NAME: 'rejected', // neither manifest.json nor artifacts/<id>: path escapes, directories, other files
  DUPLICATE_NAME: 'rejected', // twice the same name, or names that differ only in case
  NOT_A_FILE: 'rejected', // symbolic link, directory, device
  ENCRYPTED: 'rejected', // a zip password: sealing is ours, not the zip's
  UNSUPPORTED_METHOD: 'rejected', // neither stored nor deflated
  HEADER_MISMATCH: 'rejected', // directory and entry tell two stories, or entries overlap
  BAD_RATIO: 'rejected', // inflates more than a hundredfold
  SIZE_MISMATCH: 'rejected', // more or fewer bytes than declared
  CRC_MISMATCH: 'rejected', // the bytes are not those that were packed
  MANIFEST_MISSING: 'rejected', // no manifest.json
  MANIFEST_MALFORMED: 'rejected', // manifest.json is no strict JSON object with a readable list of artifacts
  UNDECLARED_FILE: 'rejected', // an artifact that the manifest does not list
  MISSING_FILE: 'rejected', // an artifact that the manifest lists and nobody brought
  HASH_MISMATCH: 'rejected', // an artifact whose bytes are not those that the manifest names
} as const; // all rejected: nothing here is worth retrying and nothing stops a loop
export type ArtifactErrorCode = keyof typeof ARTIFACT_FAULTS;

/** The one error of this package. `entry` is the name inside the file, where one is at fault. */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
  readonly code: ArtifactErrorCode;
  readonly entry: string | undefined;
  constructor(
    code: ArtifactErrorCode,
    message: string,
    options?: ErrorOptions & { readonly entry?: string },
  ) {
    super(message, options);
    this.code = code;
    this.entry = options?.entry;
  }
}
