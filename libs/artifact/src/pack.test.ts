import { blake3Hash, canonicalBytes, utf8 } from '@logline/canon-sign';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { isArtifactId } from './entry-name.ts';
import { ArtifactError } from './errors.ts';
import { MAX_TOTAL_BYTES } from './limits.ts';
import { packLlc } from './pack.ts';
import { unpackLlc } from './unpack.ts';

const manifestOf = (files: ReadonlyMap<string, Uint8Array>) => ({
  type: 'll.minicontainer.v1',
  artifacts: [...files].map(([id, bytes]) => ({
    id,
    hash: blake3Hash(bytes),
    enc: 'xchacha20',
    size_bytes: bytes.length,
  })),
});
const two = new Map([
  ['zeta', utf8('last')],
  ['42', Uint8Array.of(0, 255, 1)],
]);

const homeZone = process.env['TZ'];
afterEach(() => {
  if (homeZone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = homeZone;
});

describe('packLlc', () => {
  it('gives back what went in, for any artifacts', async () => {
    const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter(isArtifactId);
    const files = fc.uniqueArray(fc.tuple(id, fc.uint8Array({ maxLength: 200 })), {
      selector: ([name]) => name.toLowerCase(),
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(files, async (pairs) => {
        const artifacts = new Map(pairs);
        const manifest = manifestOf(artifacts);
        const parts = await unpackLlc(packLlc({ manifest, artifacts }));
        expect(parts.manifestBytes).toEqual(canonicalBytes(manifest));
        expect(parts.manifest).toEqual(manifest);
        expect([...parts.artifacts]).toEqual([...artifacts]);
      }),
      { numRuns: 60 },
    );
  });

  it('gives the same bytes in every time zone and whatever the order of the artifacts', () => {
    const manifest = manifestOf(two);
    const packed = blake3Hash(packLlc({ manifest, artifacts: two }));
    const elsewhere = Intl.supportedValuesOf('timeZone').filter((zone) => {
      process.env['TZ'] = zone;
      return blake3Hash(packLlc({ manifest, artifacts: new Map([...two].reverse()) })) !== packed;
    });
    expect(elsewhere).toEqual([]);
  });

  it('gives bytes that do not change from one version to the next', () => {
    expect(blake3Hash(packLlc({ manifest: manifestOf(two), artifacts: two }))).toMatchInlineSnapshot(
      `"blake3:144524a02fd048efafb8ebbba2692fde363e63d0add3fe7b2df790f453f62312"`,
    );
  });

  it('packs a manifest that lists nothing', async () => {
    const parts = await unpackLlc(packLlc({ manifest: { type: 'x' }, artifacts: new Map() }));
    expect(parts.artifacts.size).toBe(0);
  });

  it.each([
    ['MISSING_FILE', { manifest: manifestOf(two), artifacts: new Map() }],
    ['UNDECLARED_FILE', { manifest: {}, artifacts: two }],
    [
      'HASH_MISMATCH',
      {
        manifest: { artifacts: [{ id: 'a', hash: blake3Hash(utf8('a')) }] },
        artifacts: new Map([['a', utf8('b')]]),
      },
    ],
    [
      'MANIFEST_MALFORMED',
      { manifest: { artifacts: [{ id: 'a/b', hash: blake3Hash(utf8('a')) }] }, artifacts: new Map() },
    ],
    ['MANIFEST_MALFORMED', { manifest: { when: new Date(0) }, artifacts: new Map() }],
    ['MANIFEST_MALFORMED', { manifest: 'text', artifacts: new Map() }],
  ] as const)('refuses with %s what could not be unpacked again', (code, parts) => {
    expect(() => packLlc(parts)).toThrowError(expect.objectContaining({ name: 'ArtifactError', code }));
  });

  it('refuses more than 64 MiB', () => {
    const big = new Uint8Array(MAX_TOTAL_BYTES);
    const artifacts = new Map([['big', big]]);
    const manifest = { artifacts: [{ id: 'big', hash: blake3Hash(big) }] };
    expect(() => packLlc({ manifest, artifacts })).toThrowError(ArtifactError);
    expect(() => packLlc({ manifest, artifacts })).toThrowError(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
  });
});
