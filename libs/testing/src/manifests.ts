import { blake3Hash, canonicalBytes, signObjectSync, type JsonValue } from '@logline/canon-sign';
import { formatInstant, formatRef, type DeploySpec, type Grant, type Manifest } from '@logline/contracts';
import { NOW_MS } from './clock.ts';
import { testKey, type TestKey } from './keys.ts';

export type ManifestParts = {
  readonly tenant?: string;
  readonly name?: string;
  readonly key?: TestKey;
  readonly version?: string;
  readonly tsMs?: number;
  /** Over the default: image `registry.example/hello:1`, target `docker`. */
  readonly deploy?: Partial<DeploySpec>;
  /** Beside the signer's own key. */
  readonly signing?: Manifest['slots']['signing'];
  readonly tokens?: Manifest['slots']['api'];
  readonly artifacts?: Manifest['artifacts'];
  readonly grants?: readonly Grant[];
};

/** A signed manifest on the real contract, and its full ref. */
export function manifestFor(parts: ManifestParts = {}): {
  readonly manifest: Manifest;
  readonly ref: string;
} {
  const {
    tenant = 'acme',
    name = 'web',
    key = testKey('root'),
    version = '1',
    tsMs = NOW_MS,
    deploy = {},
    artifacts,
    grants,
  } = parts;
  const { signing = [], tokens = [{ token_id: 'tok1', scopes: ['*'], status: 'active' }] } = parts;
  const unsigned: Omit<Manifest, 'provenance'> = {
    type: 'll.minicontainer.v1',
    version,
    owner: { tenant },
    slots: { signing: [{ kid: key.kid, pub: key.pub, status: 'active' }, ...signing], api: tokens },
    ...(artifacts === undefined ? {} : { artifacts }),
    ...(grants === undefined ? {} : { grants: [...grants] }),
    deploy: {
      engine: 'container',
      image: 'registry.example/hello:1',
      targets: [{ provider: 'docker' }],
      ...deploy,
    },
    ts: formatInstant(tsMs),
  };
  const manifest: Manifest = signObjectSync('manifest', unsigned, key.signer);
  // plain JSON by construction
  const hash = blake3Hash(canonicalBytes(manifest as unknown as JsonValue));
  return { manifest, ref: formatRef({ tenant, name, hash }) };
}
