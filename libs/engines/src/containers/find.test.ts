import { describe, expect, it } from 'vitest';
import { listSockets, parseVersion } from './find.ts';

const environment = { dockerHost: undefined, runtimeDir: undefined, home: '/home/me' };
const paths = (changes: { readonly dockerHost?: string; readonly runtimeDir?: string }) =>
  listSockets({ ...environment, ...changes }).map(({ socketPath }) => socketPath);

describe('listSockets', () => {
  it('asks Docker before Podman', () => {
    expect(paths({})).toEqual([
      '/var/run/docker.sock',
      '/run/podman/podman.sock',
      '/home/me/.docker/run/docker.sock',
    ]);
  });
  it('asks what the user has named before all others, and rootless engines where the user has a runtime directory', () => {
    expect(paths({ dockerHost: 'unix:///x/d.sock', runtimeDir: '/run/user/7' })).toEqual([
      '/x/d.sock',
      '/var/run/docker.sock',
      '/run/user/7/podman/podman.sock',
      '/run/user/7/docker.sock',
      '/run/podman/podman.sock',
      '/home/me/.docker/run/docker.sock',
    ]);
  });
  it.each(['tcp://10.0.0.1:2376', 'ssh://me@host', 'unix://', 'unix://relative', 'garbage'])(
    'does not use DOCKER_HOST=%s, and says so',
    (dockerHost) => {
      const lines: string[] = [];
      expect(listSockets({ ...environment, dockerHost }, (line) => lines.push(line))).toHaveLength(3);
      expect(lines).toEqual([expect.stringContaining(dockerHost)]);
    },
  );
});

describe('parseVersion', () => {
  it('reads the version of the engine', () => {
    expect(parseVersion('{"Version":"20.10.24","ApiVersion":"1.41"}')).toBe('20.10.24');
  });
  it.each(['', 'null', '[]', '{}', '{"Version":7}', '{"Version":""}', '<html>'])(
    'takes %j for unknown',
    (text) => {
      expect(parseVersion(text)).toBe('unknown');
    },
  );
});
