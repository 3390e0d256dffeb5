import type { DeploySpec } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { place, specHash, type Runner } from './place.ts';

const REF = `mc:acme/web@blake3:${'ab'.repeat(32)}`;
const docker = { provider: 'docker' };
const spec: DeploySpec = { engine: 'container', image: 'hello:1', targets: [docker] };
const runner = (name: string, more: Partial<Runner> = {}): Runner => ({
  runner: name,
  providers: ['docker'],
  allow: {},
  load: 0,
  ...more,
});

describe('a deploy is placed', () => {
  it('on the runner that holds it already, then the least loaded, then the first by name', () => {
    const runners = [runner('c'), runner('b', { load: 1 }), runner('a', { load: 1 })];
    expect(place(REF, spec, docker, runners, undefined)).toMatchObject({ ok: true, runner: 'c' });
    expect(place(REF, spec, docker, runners, 'b')).toMatchObject({ ok: true, runner: 'b' });
    expect(place(REF, spec, docker, runners.slice(1), undefined)).toMatchObject({ ok: true, runner: 'a' });
    expect(place(REF, spec, docker, runners.toReversed(), undefined)).toMatchObject({ runner: 'c' });
  });

  it('with the hash of what its runner is to start', () => {
    expect(place(REF, spec, docker, [runner('a')], undefined)).toEqual({
      ok: true,
      runner: 'a',
      specHash: specHash(REF, spec, docker),
    });
    expect(specHash(REF, spec, docker)).not.toBe(specHash(REF, spec, { provider: 'podman' }));
  });

  it('on a runner that allows what the manifest asks for', () => {
    const privileged: DeploySpec = { ...spec, security: { privileged: true } };
    const runners = [runner('a'), runner('b', { load: 9, allow: { privileged: true } })];
    expect(place(REF, privileged, docker, runners, undefined)).toMatchObject({ ok: true, runner: 'b' });
  });
});

describe('a deploy is placed nowhere', () => {
  it('when no runner serves the provider', () => {
    expect(place(REF, spec, { provider: 'podman' }, [runner('a')], undefined)).toMatchObject({
      ok: false,
      why: 'no_runner',
    });
    expect(place(REF, spec, docker, [], undefined)).toMatchObject({ ok: false, why: 'no_runner' });
  });

  it('when no runner may honour it, with each one’s reason, as long as a fact can hold', () => {
    const greedy: DeploySpec = { ...spec, replicas: 3, security: { privileged: true } };
    const refused = place(REF, greedy, docker, [runner('a'), runner('b')], undefined);
    expect(refused).toMatchObject({
      ok: false,
      why: 'unsupported',
      message: expect.stringMatching(
        /a: \/deploy\/security\/privileged .* \| a: \/deploy\/replicas .* \| b: /,
      ),
    });
    const many = Array.from({ length: 50 }, (_, at) => runner(`runner-${at}`));
    const long = place(REF, greedy, docker, many, undefined);
    expect(long.ok ? '' : long.message).toHaveLength(1024);
  });
});
