import { blake3Hash, canonicalBytes, memberBytes } from '@logline/canon-sign';
import { formatRef, parseSubject, type DeploySpec, type Manifest, type Target } from '@logline/contracts';

/** Of manifests in use. Judging one asks for its hash several times; nobody changes a manifest. */
const hashes = new WeakMap<Manifest, string>();

/** What a ref ends in: the hash of the canonical bytes of the whole manifest, provenance included (protocol §1). */
export function manifestHash(manifest: Manifest): string {
  const known = hashes.get(manifest);
  if (known !== undefined) return known;
  const hash = blake3Hash(canonicalBytes(manifest));
  hashes.set(manifest, hash);
  return hash;
}

/** As `manifestHash`, of the manifest that an apply carries, from the span's canonical bytes. */
export function hashManifestIn(bytes: Uint8Array, manifest: Manifest): string {
  const known = hashes.get(manifest);
  const own = memberBytes(bytes, 'payload', 'manifest');
  if (known !== undefined || own === undefined) return known ?? manifestHash(manifest);
  const hash = blake3Hash(own);
  hashes.set(manifest, hash);
  return hash;
}

/** The full ref of a manifest under a container's name; null when the subject is no container. */
export function refOf(subjectUrn: string, manifest: Manifest): string | null {
  const subject = parseSubject(subjectUrn);
  if (subject.kind !== 'minicontainer') return null;
  return formatRef({ tenant: subject.tenant, name: subject.name, hash: manifestHash(manifest) });
}

/** What is to run, in one hash: of `deploy.planned`, and the container's label. */
export function specHash(ref: string, deploy: DeploySpec, target: Target): string {
  return blake3Hash(canonicalBytes({ ref, deploy, target }));
}
