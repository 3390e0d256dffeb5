import type { DeploySpec } from '@logline/contracts';
import { describe, expect, test } from 'vitest';
import { type ContainerSpec, forRun, parseLabels, type Run, toLabels } from './container-spec.ts';
import { toCreateOptions } from './create-options.ts';
import { planContainer } from './plan-container.ts';
import { toPodmanArgs } from './podman-args.ts';

const RUN: Run = {
  tenant: 'acme',
  name: 'hello',
  ref: `mc:acme/hello@blake3:${'0'.repeat(64)}`,
  deploy: 'urn:span:01890a5d-ac96-774b-bcce-b302099a8057',
  lease: 7,
  runner: 'edge-1',
  specHash: `blake3:${'1'.repeat(64)}`,
};
const FULL: DeploySpec = {
  engine: 'container',
  image: 'localhost/hello:1',
  entrypoint: ['/bin/serve', '--fast'],
  command: ['one', 'two'],
  working_dir: '/srv',
  env: { MODE: 'prod', KEY: 'grant://db' },
  ports: [
    { host: 0, container: 8080 },
    { host: 5353, container: 53, protocol: 'udp' },
  ],
  resources: { memory_bytes: 64 * 1024 * 1024, cpu_millis: 1500, pids: 32 },
  security: { read_only_rootfs: true, run_as_user: 1000 },
  lifecycle: { stop_timeout_ms: 1500 },
  volumes: [{ name: 'data', path: '/data', read_only: true }],
  targets: [{ provider: 'docker' }],
};
const IMAGE = { entrypoint: ['/entry'], command: ['cmd'], hasSearchPath: true };

function specOf(deploy: Partial<DeploySpec> = {}, provider = 'docker', allow = {}): ContainerSpec {
  const plan = planContainer({ ...FULL, ...deploy }, { allow, provider });
  if (!plan.ok) throw new Error('refused');
  return plan.spec;
}
const runOf = (spec: ContainerSpec) => forRun(spec, RUN, '/dev/shm/mc/run');

describe('toPodmanArgs', () => {
  test('prints the whole container, hardened, in a stable order', () => {
    expect(toPodmanArgs(runOf(specOf()))).toMatchInlineSnapshot(`
      [
        "create",
        "--name",
        "mc-acme-hello-7",
        "--label",
        "minicontainer.tenant=acme",
        "--label",
        "minicontainer.name=hello",
        "--label",
        "minicontainer.ref=mc:acme/hello@blake3:0000000000000000000000000000000000000000000000000000000000000000",
        "--label",
        "minicontainer.deploy=urn:span:01890a5d-ac96-774b-bcce-b302099a8057",
        "--label",
        "minicontainer.lease=7",
        "--label",
        "minicontainer.runner=edge-1",
        "--label",
        "minicontainer.spec=blake3:1111111111111111111111111111111111111111111111111111111111111111",
        "--env",
        "MODE=prod",
        "--env",
        "KEY_FILE=/run/secrets/KEY",
        "--mount",
        "type=bind,source=/dev/shm/mc/run/KEY,target=/run/secrets/KEY,ro",
        "--mount",
        "type=volume,source=mc_acme_data,target=/data,ro",
        "--tmpfs",
        "/tmp:rw,noexec,nosuid,nodev,mode=1777,uid=1000,gid=1000,size=33554432",
        "--publish",
        "8080/tcp",
        "--publish",
        "5353:53/udp",
        "--user",
        "1000:1000",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--read-only",
        "--memory",
        "67108864",
        "--memory-swap",
        "67108864",
        "--cpus",
        "1.5",
        "--pids-limit",
        "32",
        "--ulimit",
        "nofile=1024:1024",
        "--ulimit",
        "nproc=1024:1024",
        "--restart",
        "no",
        "--stop-timeout",
        "2",
        "--log-driver",
        "local",
        "--log-opt",
        "max-size=10485760",
        "--log-opt",
        "max-file=3",
        "--workdir",
        "/srv",
        "--entrypoint",
        "/bin/serve",
        "localhost/hello:1",
        "--fast",
        "one",
        "two",
      ]
    `);
  });

  test('prints the same words whenever it is asked', () => {
    expect(toPodmanArgs(specOf())).toEqual(toPodmanArgs(specOf()));
  });

  test('names the wait for stdin instead of a file when secrets go to the environment', () => {
    const args = toPodmanArgs(runOf(specOf({ secret_delivery: 'env' })));
    expect(args).toContain('--interactive');
    expect(args.slice(args.indexOf('--entrypoint'), args.indexOf('--entrypoint') + 3)).toEqual([
      '--entrypoint',
      '/bin/sh',
      'localhost/hello:1',
    ]);
    expect(args.slice(-4)).toEqual(['/bin/serve', '--fast', 'one', 'two']);
    expect(args.join(' ')).not.toContain('/run/secrets');
    expect(args.join(' ')).not.toContain('KEY');
  });

  // every argument has its counterpart in the create call, and no limit exists on one side only
  test.each([
    ['docker', {}, {}],
    ['podman', {}, {}],
    ['podman', { secret_delivery: 'env' as const }, {}],
    [
      'docker',
      { security: { privileged: true, run_as_user: 0, cap_add: ['CHOWN'] } },
      { privileged: true, root_user: true, cap_add: ['CHOWN'] },
    ],
  ])('asks %s for exactly what it prints (%j)', (provider, deploy, allow) => {
    const spec = runOf(specOf(deploy, provider, allow));
    expect(readArgs(toPodmanArgs(spec))).toEqual(
      readOptions(toCreateOptions(spec, { shell: 'image', image: IMAGE })),
    );
  });
});

describe('toCreateOptions', () => {
  test('becomes the process of the image after the hand-off when the manifest names none', () => {
    const spec = runOf(specOf({ secret_delivery: 'env', entrypoint: undefined, command: undefined }));
    const { Entrypoint, Cmd } = toCreateOptions(spec, { shell: 'image', image: IMAGE });
    expect(Entrypoint?.slice(-3)).toEqual(['handoff', '/entry', 'cmd']);
    expect(Cmd).toEqual([]);
  });

  test('leaves the command of the image out when the manifest names an entrypoint', () => {
    const spec = runOf(specOf({ secret_delivery: 'env', entrypoint: ['/own'], command: undefined }));
    expect(toCreateOptions(spec, { shell: 'image', image: IMAGE }).Entrypoint?.slice(-2)).toEqual([
      'handoff',
      '/own',
    ]);
  });
});

test('a process finds its programs where neither image nor manifest says where they are', () => {
  const create = (deploy: Partial<DeploySpec>, hasSearchPath: boolean) =>
    toCreateOptions(runOf(specOf(deploy)), {
      shell: 'image',
      image: { ...IMAGE, hasSearchPath },
    }).Env?.filter((name) => name.startsWith('PATH='));
  expect(create({}, false)).toHaveLength(1);
  expect(create({}, true)).toEqual([]);
  expect(create({ env: { PATH: '/mine' } }, false)).toEqual(['PATH=/mine']);
});

describe('labels', () => {
  test('carry the run there and back', () => {
    expect(parseLabels(toLabels(RUN))).toEqual(RUN);
  });

  test.each([
    {},
    { ...toLabels(RUN), 'minicontainer.lease': 'x' },
    { ...toLabels(RUN), 'minicontainer.deploy': undefined },
  ])('of somebody else are no run: %j', (labels) => {
    expect(parseLabels(labels)).toBeNull();
  });
});

type Asked = Record<string, readonly string[]>;

/** Argument name → values, plus image and process. */
function readArgs(args: readonly string[]): Asked {
  const flags = new Set(['--interactive', '--read-only', '--privileged']);
  const asked: Record<string, string[]> = {};
  const rest = args.slice(1);
  while (rest[0]?.startsWith('--') === true) {
    const name = rest.shift() ?? '';
    (asked[name] ??= []).push(flags.has(name) ? 'yes' : (rest.shift() ?? ''));
  }
  const [image = '', ...words] = rest;
  const process = [...(asked['--entrypoint'] ?? []), ...words];
  delete asked['--entrypoint'];
  return { ...asked, image: [image], process };
}

/** The create call, written in the same words. Deliberately not by the code under test. */
function readOptions(options: ReturnType<typeof toCreateOptions>): Asked {
  const host = options.HostConfig ?? {};
  const asked: Record<string, string[]> = {
    '--name': [options.name ?? ''],
    '--label': Object.entries(options.Labels ?? {}).map(([key, value]) => `${key}=${value}`),
    '--env': options.Env ?? [],
    '--mount': (host.Mounts ?? [])
      .sort((a, b) => (a.Type < b.Type ? -1 : 1))
      .map(
        ({ Type, Source, Target, ReadOnly }) =>
          `type=${Type},source=${Source},target=${Target}${ReadOnly === true ? ',ro' : ''}`,
      ),
    '--tmpfs': Object.entries(host.Tmpfs ?? {}).map(([path, tmpfs]) => `${path}:${String(tmpfs)}`),
    '--publish': Object.entries(host.PortBindings ?? {}).map(([port, bound]) => {
      const hostPort = (bound as { HostPort: string }[])[0]?.HostPort; // dockerode types port bindings as unknown
      return hostPort === '' ? port : `${hostPort}:${port}`;
    }),
    '--user': [options.User ?? ''],
    '--cap-drop': host.CapDrop ?? [],
    '--cap-add': host.CapAdd ?? [],
    '--security-opt': host.SecurityOpt ?? [],
    '--memory': [String(host.Memory)],
    '--memory-swap': [String(host.MemorySwap)],
    '--cpus': host.NanoCpus === undefined ? [] : [String(host.NanoCpus / 1e9)],
    '--pids-limit': [String(host.PidsLimit)],
    '--ulimit': (host.Ulimits ?? []).map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`),
    '--restart': [host.RestartPolicy?.Name ?? ''],
    '--stop-timeout': [String(options.StopTimeout)],
    '--log-driver': [host.LogConfig?.Type ?? ''],
    '--log-opt': Object.entries(host.LogConfig?.Config ?? {}).map(([key, value]) => `${key}=${value}`),
    '--workdir': options.WorkingDir === undefined ? [] : [options.WorkingDir],
    '--interactive': options.OpenStdin === true ? ['yes'] : [],
    '--read-only': host.ReadonlyRootfs === true ? ['yes'] : [],
    '--privileged': host.Privileged === true ? ['yes'] : [],
    image: [options.Image ?? ''],
    process: [...(options.Entrypoint ?? []), ...(options.Cmd ?? [])],
  };
  return Object.fromEntries(Object.entries(asked).filter(([, values]) => values.length > 0));
}
