import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { grant, key, manifest, root, secretManifest, unsignedManifest, WEB } from '../test/world.ts';
import { checkManifest } from './manifest-check.ts';

const keys = [{ kid: root.kid, pub: root.pub }];
const places = (value: unknown, options = {}): readonly string[] =>
  checkManifest(value, options).faults.map((fault) => fault.pointer);

describe('the sample of the vectors', () => {
  const sample: unknown = JSON.parse(
    readFileSync(new URL('../../../spec/vectors/manifests/blueprint-sample.json', import.meta.url), 'utf8'),
  );

  it('is told each placeholder by name, with the command that fills it, and nothing else', () => {
    const { faults } = checkManifest(sample, { tenant: 'voulezvous' });
    expect(faults.map(({ pointer, fix }) => [pointer, fix.split(': ')[1]])).toEqual([
      ['/slots/signing/0/pub', 'logline wallet show prints the public key of kid_sign_1'],
      ['/artifacts/0/hash', 'logline wallet seal secret_db_url'],
      ['/grants/0/sig', 'logline wallet grant secret_db_url --aud railway'],
      ['/provenance/sig', 'logline minicontainer sign <manifest.json>'],
    ]);
  });

  it('still has the rest of it checked', () => {
    expect(places({ ...Object(sample), colour: 1 })).toContain('/colour');
    expect(places({ ...Object(sample), grants: [] })).toContain('/deploy/env/DB_URL');
  });
});

describe('a manifest', () => {
  it('that is whole has no faults, and its signer is unchecked without keys', () => {
    expect(checkManifest(secretManifest(), { subject: WEB, keys })).toEqual({ faults: [], warnings: [] });
    expect(checkManifest(manifest()).warnings).toMatchObject([
      { message: expect.stringContaining('signer: unchecked') },
    ]);
  });

  it('that is not signed yet is a warning', () => {
    expect(checkManifest(unsignedManifest())).toMatchObject({
      faults: [],
      warnings: [{ pointer: '/provenance' }],
    });
  });

  it('that was changed after signing is damaged, with keys and without', () => {
    const changed = { ...manifest(), version: '2' };
    expect(places(changed)).toEqual(['/provenance/sig']);
    expect(places(changed, { keys })).toEqual(['/provenance/sig']);
    expect(places(manifest({}, key('stranger')), { keys })).toEqual(['/provenance/kid']);
  });

  const api = [{ token_id: 'tok_cli', scopes: ['*'], status: 'active' }];
  const cases: readonly (readonly [string, Parameters<typeof manifest>[0], readonly string[]])[] = [
    ['an unknown field', { colour: 1 }, ['/colour']],
    ['an unknown field deep inside', { deploy: { network: 'host' } }, ['/deploy/network']],
    ['no target', { deploy: { targets: [] } }, ['/deploy/targets']],
    ['an env that names no grant', { deploy: { env: { A: 'grant://none' } } }, ['/deploy/env/A']],
    ['a grant inside a longer text', { deploy: { env: { A: 'x grant://none' } } }, ['/deploy/env/A']],
    ['a grant without its artifact', { grants: [grant()] }, ['/grants/0/artifact_id']],
    [
      'two keys of one id',
      { slots: { signing: [0, 1].map(() => ({ kid: 'root', pub: root.pub, status: 'active' })), api } },
      ['/slots/signing/1/kid'],
    ],
    ['two tokens of one id', { slots: { signing: [], api: [...api, ...api] } }, ['/slots/api/1/token_id']],
    [
      'one host port twice',
      {
        deploy: {
          ports: [
            { host: 80, container: 1 },
            { host: 80, container: 2 },
          ],
        },
      },
      ['/deploy/ports/1/host'],
    ],
    [
      'one container port twice',
      {
        deploy: {
          ports: [
            { host: 0, container: 1 },
            { host: 0, container: 1 },
          ],
        },
      },
      ['/deploy/ports/1/container'],
    ],
    [
      'a port out of range',
      { deploy: { ports: [{ host: 70_000, container: 0 }] } },
      ['/deploy/ports/0/host', '/deploy/ports/0/container'],
    ],
    [
      'an http check without a port',
      { deploy: { lifecycle: { healthcheck: { type: 'http', path: '/' } } } },
      ['/deploy/lifecycle/healthcheck/port'],
    ],
    [
      'a tcp check with a path',
      { deploy: { lifecycle: { healthcheck: { type: 'tcp', port: 1, path: '/' } } } },
      ['/deploy/lifecycle/healthcheck/path'],
    ],
    [
      'an exec check without a command',
      { deploy: { lifecycle: { healthcheck: { type: 'exec', port: 1 } } } },
      ['/deploy/lifecycle/healthcheck/command', '/deploy/lifecycle/healthcheck/port'],
    ],
    [
      'retries of never',
      { deploy: { lifecycle: { restart: { policy: 'never', max_retries: 1 } } } },
      ['/deploy/lifecycle/restart/max_retries'],
    ],
    [
      'one path mounted twice',
      {
        deploy: {
          volumes: [
            { name: 'a', path: '/d' },
            { name: 'b', path: '/d' },
          ],
        },
      },
      ['/deploy/volumes/1/path'],
    ],
    ['30 February', { ts: '2026-02-30T00:00:00Z' }, ['/ts']],
    [
      'a password in env',
      { deploy: { env: { DB_URL: 'postgres://app:hunter22@db/app' } } },
      ['/deploy/env/DB_URL'],
    ],
  ];
  it.each(cases)('with %s is told where', (_what, changes, pointers) => {
    expect(places(manifest(changes))).toEqual(pointers);
  });

  it('with a grant for another audience, artifact or container is told which it should be', () => {
    expect(places(secretManifest(grant({ aud: 'railway' })))).toEqual(['/grants/0/aud']);
    expect(places(secretManifest(grant({ artifact_hash: `blake3:${'0'.repeat(64)}` })))).toEqual([
      '/grants/0/artifact_hash',
    ]);
    expect(
      places(secretManifest(grant({ subject: 'urn:minicontainer:voulezvous/api' })), { subject: WEB }),
    ).toEqual(['/grants/0/subject']);
    expect(places(secretManifest(grant({ ttl: 'PT' })))).toEqual(['/grants/0/ttl']);
    const targets = [{ provider: 'railway', project_id: 'rw1', service: 'web' }];
    for (const aud of ['railway', 'railway:rw1/web'])
      expect(places(secretManifest(grant({ aud }), { targets }))).toEqual([]);
    expect(places(secretManifest(grant({ aud: 'railway:rw2/web' }), { targets }))).toEqual(['/grants/0/aud']);
  });

  it('that nobody could act on any more is a warning', () => {
    const { warnings } = checkManifest(manifest({ slots: { signing: [], api: [] } }), { keys });
    expect(warnings).toMatchObject([{ pointer: '/slots/api' }]);
  });

  it.each([null, [], 'text', 7, true, { slots: null }, { slots: { signing: 'x' }, grants: { 0: {} } }])(
    'that is %j is refused, not choked on',
    (value) => {
      expect(places(value).length).toBeGreaterThan(0);
    },
  );
});
