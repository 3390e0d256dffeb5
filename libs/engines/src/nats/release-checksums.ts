/**
 * The pinned release: SHA-256 of its archives as its own `SHA256SUMS` has them. The Linux sums are also those in the
 * recipe of the official container image (nats-io/nats-docker, 2.15.x).
 */
export const RELEASE_VERSION = '2.15.0';

const SHA256: Readonly<Record<string, string>> = {
  'linux-amd64': '5d2c51caca950333aba84911df7d377f826f3a59ec36061c6539105084f65c92',
  'linux-arm64': 'cdc208f5a3f42963a52b6ab06ef65626bb870315dc936e26ba571780c6351112',
  'darwin-amd64': '5bd8b59ca5bf93fab3da2c5843cf564cd6e2e291e22ae3b861746e7ebe259b95',
  'darwin-arm64': 'e1c4e22d70bd44abfa0bcb3c16f7cf0c66f648c2e728c58924e8a1ce88913cc8',
};

/** Where the archive for a Node platform and architecture is, and what it must hash to; null where none is pinned. */
export function findReleaseArchive(
  platform: string,
  arch: string,
): { readonly url: string; readonly sha256: string } | null {
  const target = `${platform}-${arch === 'x64' ? 'amd64' : arch}`;
  const sha256 = SHA256[target];
  if (sha256 === undefined) return null;
  const release = `https://github.com/nats-io/nats-server/releases/download/v${RELEASE_VERSION}`;
  return { url: `${release}/nats-server-v${RELEASE_VERSION}-${target}.tar.gz`, sha256 };
}
