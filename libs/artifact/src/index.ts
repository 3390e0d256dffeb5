export { ARTIFACT_FAULTS, ArtifactError, type ArtifactErrorCode } from './errors.ts';
export { MAX_ENTRIES, MAX_RATIO, MAX_TOTAL_BYTES } from './limits.ts';
export { isArtifactId } from './entry-name.ts';
export { packLlc, type Unpacked } from './pack.ts';
export { unpackLlc } from './unpack.ts';
