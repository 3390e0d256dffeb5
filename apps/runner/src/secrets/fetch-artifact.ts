import { blake3Hash } from '@logline/canon-sign';
import { MAX_ARTIFACT_BYTES, PATHS } from '@logline/contracts';

/** Sealed bytes by their hash. @throws ArtifactError */
export type FetchArtifact = (hash: string, signal: AbortSignal) => Promise<Uint8Array>;

/** `isRetryable`: nobody answered, or not now; otherwise asking again gives the same. */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
  readonly isRetryable: boolean;
  constructor(message: string, isRetryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isRetryable = isRetryable;
  }
}

const ANSWER_WITHIN_MS = 30_000;

/** From the gateway, which is trusted with nothing: what it gives is checked against the hash that the manifest names. */
export function artifactFetcher(options: {
  readonly gatewayUrl: string;
  readonly tenant: string;
  readonly token: () => string;
}): FetchArtifact {
  return async (hash, signal) => {
    const url = new URL(PATHS.artifact.replace(':hash', hash), options.gatewayUrl);
    const headers = { Authorization: `ApiKey ${options.token()}`, 'X-Tenant-Id': options.tenant };
    let response: Response;
    let bytes: Uint8Array;
    try {
      response = await fetch(url, {
        headers,
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
      });
      bytes = response.ok ? await readBounded(response) : new Uint8Array(0);
    } catch (cause) {
      if (cause instanceof ArtifactError) throw cause;
      throw new ArtifactError(`the gateway did not give the artifact ${hash}`, true, { cause });
    }
    if (!response.ok) {
      const isRetryable = response.status >= 500 || response.status === 429;
      throw new ArtifactError(
        `the gateway answered ${response.status} for the artifact ${hash}`,
        isRetryable,
      );
    }
    if (blake3Hash(bytes) !== hash)
      throw new ArtifactError(`the gateway gave other bytes than those of ${hash}`, false);
    return bytes;
  };
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_ARTIFACT_BYTES)
      throw new ArtifactError('the gateway gave more bytes than an artifact may have', false);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
