import type { DeploySpec } from '@logline/contracts';
import { describe, expect, test } from 'vitest';
import { type ContainerPlan, planContainer } from './plan-container.ts';

const DEPLOY: DeploySpec = {
  engine: 'container',
  image: 'localhost/hello:1',
  targets: [{ provider: 'docker' }],
};

function plan(deploy: Partial<DeploySpec>, allow = {}, provider = 'docker'): ContainerPlan {
  return planContainer({ ...DEPLOY, ...deploy }, { allow, provider });
}

function pointersOf(plan: ContainerPlan): readonly string[] {
  return plan.ok ? [] : plan.refusals.map(({ pointer }) => pointer);
}

function specOf(plan: ContainerPlan) {
  if (!plan.ok) throw new Error(`refused: ${plan.refusals.map(({ message }) => message).join('; ')}`);
  return plan.spec;
}

describe('planContainer', () => {
  test('gives a manifest that asks for nothing the hardened default', () => {
    expect(specOf(plan({}))).toMatchObject({
      user: 65_532,
      isPrivileged: false,
      capAdd: [],
      memoryBytes: 512 * 1024 * 1024,
      pids: 256,
      ulimits: { nofile: 1024, nproc: 1024 },
      isRootfsReadOnly: false,
      secretDelivery: 'file',
      restart: { policy: 'never' },
    });
  });

  test('refuses everything the runner does not allow, each with its pointer', () => {
    const refused = plan(
      { security: { privileged: true, run_as_user: 0, cap_add: ['NET_ADMIN', 'CHOWN'] } },
      { cap_add: ['CAP_CHOWN'] },
    );
    expect(pointersOf(refused)).toEqual([
      '/deploy/security/privileged',
      '/deploy/security/run_as_user',
      '/deploy/security/cap_add/0',
    ]);
  });

  test('grants what the runner allows', () => {
    const allow = { privileged: true, root_user: true, cap_add: ['NET_ADMIN'] };
    const spec = specOf(
      plan(
        { security: { privileged: true, run_as_user: 0, cap_add: ['CAP_NET_ADMIN', 'NET_ADMIN'] } },
        allow,
      ),
    );
    expect(spec).toMatchObject({ isPrivileged: true, user: 0, capAdd: ['NET_ADMIN'] });
  });

  test('refuses a capability that Docker would grant on paper only, and grants it on Podman', () => {
    const asked = { security: { cap_add: ['NET_ADMIN'] } };
    const allow = { cap_add: ['NET_ADMIN'] };
    expect(pointersOf(plan(asked, allow, 'docker'))).toEqual(['/deploy/security/cap_add']);
    expect(plan(asked, allow, 'podman').ok).toBe(true);
  });

  test.each<[string, Partial<DeploySpec>, string]>([
    ['more than one replica', { replicas: 2 }, '/deploy/replicas'],
    [
      'a health check',
      { lifecycle: { healthcheck: { type: 'tcp', port: 80 } } },
      '/deploy/lifecycle/healthcheck',
    ],
    ['more processes than the ulimit', { resources: { pids: 1025 } }, '/deploy/resources/pids'],
    [
      'a host port twice',
      {
        ports: [
          { host: 80, container: 1 },
          { host: 80, container: 2 },
        ],
      },
      '/deploy/ports/1',
    ],
    [
      'a container port twice',
      {
        ports: [
          { host: 0, container: 1 },
          { host: 0, container: 1 },
        ],
      },
      '/deploy/ports/1',
    ],
    ['a volume over /proc', { volumes: [{ name: 'v', path: '/proc/x' }] }, '/deploy/volumes/0/path'],
    [
      'a volume over the secrets',
      { volumes: [{ name: 'v', path: '/run/secrets' }] },
      '/deploy/volumes/0/path',
    ],
    [
      'a volume path that climbs',
      { volumes: [{ name: 'v', path: '/data/../etc' }] },
      '/deploy/volumes/0/path',
    ],
    [
      'two volumes at one path',
      {
        volumes: [
          { name: 'v', path: '/d' },
          { name: 'w', path: '/d' },
        ],
      },
      '/deploy/volumes/1/path',
    ],
    [
      'a variable in the place of a secret path',
      { env: { K: 'grant://g', K_FILE: '/x' } },
      '/deploy/env/K_FILE',
    ],
    [
      'a restart that would need the secrets again',
      { env: { K: 'grant://g' }, secret_delivery: 'env', lifecycle: { restart: { policy: 'always' } } },
      '/deploy/lifecycle/restart',
    ],
  ])('refuses %s', (_, deploy, pointer) => {
    expect(pointersOf(plan(deploy))).toEqual([pointer]);
  });

  test('refuses a provider that is no container engine', () => {
    expect(pointersOf(plan({}, {}, 'railway'))).toEqual(['/deploy/targets']);
  });

  test('takes the same port number on tcp and udp, and any number of free host ports', () => {
    const ports = [
      { host: 53, container: 53 },
      { host: 53, container: 53, protocol: 'udp' as const },
      { host: 0, container: 80 },
      { host: 0, container: 81 },
    ];
    expect(specOf(plan({ ports })).ports).toHaveLength(4);
  });

  test('tells secrets from plain values, in a stable order', () => {
    const spec = specOf(plan({ env: { B: 'plain', A: 'grant://db', C: '' } }));
    expect(spec.secrets).toEqual([{ variable: 'A', grant: 'db' }]);
    expect(spec.env).toEqual([
      { name: 'B', value: 'plain' },
      { name: 'C', value: '' },
    ]);
  });

  test('gives a read-only root a temporary directory, unless a volume is there', () => {
    const security = { read_only_rootfs: true };
    expect(specOf(plan({ security })).tmpfs).toEqual([{ path: '/tmp', sizeBytes: 64 * 1024 * 1024 }]);
    expect(specOf(plan({ security, volumes: [{ name: 'v', path: '/tmp' }] })).tmpfs).toEqual([]);
  });
});
