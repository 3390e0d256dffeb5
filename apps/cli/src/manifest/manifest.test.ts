import { describe, expect, it } from 'vitest';
import { completeManifest, isSigned } from './complete.ts';
import { draftedGrant, withArtifact, withGrant } from './edit.ts';
import { parseContainer, subjectOfManifest } from './subject.ts';

const filler = {
  tenant: 'voulezvous',
  kid: 'kid_1',
  pub: 'ab'.repeat(32),
  tokenId: 'cli',
  now: '2026-11-23T12:00:00.000Z',
};
const bare = {
  deploy: { engine: 'container', image: 'x', targets: [{ provider: 'docker', service: 'web' }] },
};

describe('completeManifest', () => {
  it('fills in what only the signer knows, and says so', () => {
    const { manifest, filled } = completeManifest(bare, filler);
    expect(manifest).toMatchObject({
      type: 'll.minicontainer.v1',
      version: '1.0.0',
      owner: { tenant: 'voulezvous' },
      ts: filler.now,
      slots: {
        signing: [{ kid: 'kid_1', pub: filler.pub, status: 'active' }],
        api: [{ token_id: 'cli', status: 'active' }],
      },
    });
    expect(filled).toHaveLength(6);
  });

  it('leaves alone what the author wrote', () => {
    const written = {
      ...completeManifest(bare, filler).manifest,
      version: '7',
      ts: '2020-01-01T00:00:00Z',
      provenance: { sig: 'BASE64...' },
    };
    const { manifest, filled } = completeManifest(written, { ...filler, now: 'other' });
    const { provenance: _provenance, ...rest } = written;
    expect(manifest).toEqual(rest);
    expect(filled).toEqual([]);
  });

  it('replaces the placeholder of a public key by its own, and keeps other slots', () => {
    const { manifest } = completeManifest(
      {
        ...bare,
        slots: {
          signing: [
            { kid: 'kid_sign_1', pub: 'hex...' },
            { kid: 'other', pub: 'cd'.repeat(32), status: 'active' },
          ],
        },
      },
      filler,
    );
    expect(manifest['slots']).toMatchObject({ signing: [{ kid: 'other' }, { kid: 'kid_1' }] });
  });

  it('does not call a placeholder a signature', () => {
    expect(isSigned({ provenance: { sig: 'BASE64...' } })).toBe(false);
    expect(isSigned({ provenance: { sig: `${'A'.repeat(86)}==` } })).toBe(true);
    expect(isSigned({})).toBe(false);
  });
});

describe('editing', () => {
  const artifact = {
    id: 'db',
    type: 'secret.v1',
    hash: `blake3:${'1'.repeat(64)}`,
    enc: 'xchacha20' as const,
  };
  const grant = {
    id: 'grt_db',
    artifact_id: 'db',
    scope: ['runtime:read'],
    ttl: 'P1D',
    aud: 'docker',
    sig: `ed25519:${'A'.repeat(86)}==`,
  };

  it('replaces an artifact of the same id and drops a signature that no longer fits', () => {
    const once = withArtifact({ ...bare, provenance: { sig: 'x' } }, artifact);
    const twice = withArtifact(once, { ...artifact, hash: `blake3:${'2'.repeat(64)}` });
    expect(once).not.toHaveProperty('provenance');
    expect(twice['artifacts']).toEqual([{ ...artifact, hash: `blake3:${'2'.repeat(64)}` }]);
  });

  it('puts a grant in the place of the drafted one and hands it to a variable', () => {
    const drafted = {
      ...bare,
      grants: [{ id: 'grt_db', artifact_id: 'db', aud: 'railway', sig: 'ed25519:...' }],
    };
    expect(draftedGrant(drafted, 'db')).toMatchObject({ aud: 'railway' });
    const edited = withGrant(drafted, grant, 'DB_URL');
    expect(edited['grants']).toEqual([grant]);
    expect(edited['deploy']).toMatchObject({ image: 'x', env: { DB_URL: 'grant://grt_db' } });
  });
});

describe('the container of a manifest', () => {
  it('is --name, else the service of the first target', () => {
    expect(subjectOfManifest(bare, 'voulezvous', undefined)).toBe('urn:minicontainer:voulezvous/web');
    expect(subjectOfManifest(bare, 'voulezvous', 'shop')).toBe('urn:minicontainer:voulezvous/shop');
  });

  it.each([
    [{}, undefined],
    [bare, 'Web'],
    [bare, 'deploy'],
  ])('is refused when there is none or it is no name (%#)', (manifest, name) => {
    expect(() => subjectOfManifest(manifest, 'voulezvous', name)).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });

  it.each([
    'urn:minicontainer:voulezvous/web',
    'mc:voulezvous/web',
    'mc:voulezvous/web@blake3:abcd',
    'voulezvous/web',
    'web',
  ])('may be written %s', (text) => {
    expect(parseContainer(text, 'voulezvous')).toBe('urn:minicontainer:voulezvous/web');
  });

  it.each(['', 'urn:tenant:voulezvous', 'we b', '../web', 'mc:voulezvous', 'verified'])(
    'is not %j',
    (text) => {
      expect(() => parseContainer(text, 'voulezvous')).toThrow(/no container|not a subject/);
    },
  );
});
