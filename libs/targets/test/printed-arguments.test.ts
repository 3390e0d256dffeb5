import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeploySpec } from '@logline/contracts';
import { toPodmanArgs } from '../src/index.ts';
import { type EngineUnderTest, IMAGE, startEngine, TargetUnderTest, toSecrets } from './engine-under-test.ts';

const FULL: Partial<DeploySpec> = {
  entrypoint: ['/bin/sh', '-c'],
  command: ['sleep 60', 'x'],
  working_dir: '/data',
  env: { MODE: 'prod' },
  ports: [
    { host: 0, container: 8080 },
    { host: 35_353, container: 53, protocol: 'udp' },
  ],
  resources: { memory_bytes: 64 * 1024 * 1024, cpu_millis: 1500, pids: 32 },
  security: { read_only_rootfs: true, run_as_user: 1000 },
  lifecycle: { stop_timeout_ms: 1500 },
  volumes: [{ name: 'data', path: '/mnt', read_only: true }],
};

// the engine's own command line reads what we print: what it makes of it is what our call makes
for (const provider of ['docker', 'podman'] as const) {
  const found = await startEngine(provider);
  const cli = typeof found === 'string' ? undefined : commandLine(found);
  const reason = typeof found === 'string' ? found : cli === undefined ? `no ${provider} command` : undefined;
  if (reason !== undefined) console.warn(`skipped: ${provider}: ${reason}`);
  const why = { meta: { skipReason: reason } };

  describe.skipIf(reason !== undefined)(`the arguments printed for ${provider}`, why, () => {
    let on: TargetUnderTest;
    let under: EngineUnderTest;
    beforeAll(async () => {
      if (typeof found === 'string') throw new Error(found);
      under = found;
      on = await TargetUnderTest.open(found);
    });
    afterAll(async () => {
      await on?.close();
      await under?.stop();
    });

    test.each<[string, Partial<DeploySpec>, object, Record<string, string>]>([
      ['a container that asks for nothing', { command: ['sleep', '60'] }, {}, {}],
      ['one that asks for everything', FULL, {}, {}],
      ['secrets by file', { ...FULL, env: { KEY: 'grant://k' } }, {}, { KEY: 'x' }],
      ['secrets by stdin', { ...FULL, env: { KEY: 'grant://k' }, secret_delivery: 'env' }, {}, { KEY: 'x' }],
      [
        'privileges that are allowed',
        { command: ['true'], security: { privileged: true, run_as_user: 0, cap_add: ['CHOWN'] } },
        { privileged: true, root_user: true, cap_add: ['CHOWN'] },
        {},
      ],
    ])('ask for the same as the call: %s', async (_, deploy, allow, secrets) => {
      const spec = on.spec({ image: IMAGE, ...deploy }, allow);
      const { container } = await on.target.apply(spec, toSecrets(secrets));
      const called = await inspect(under, container);
      await under.engine.getContainer(container).remove({ force: true });
      const [command = '', ...prefix] = cli ?? [];
      const { stdout, stderr, status } = spawnSync(command, [...prefix, ...toPodmanArgs(spec)], {
        encoding: 'utf8',
      });
      expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
      const printed = await inspect(under, stdout.trim());
      await on.target.remove(stdout.trim(), spec.run);
      expect(printed).toEqual(called);
    });
  });
}

/** The engine's own command, talking to this very engine; undefined when it is not installed. */
function commandLine({ provider, socketPath }: EngineUnderTest): string[] | undefined {
  if (spawnSync(provider, ['--version']).error !== undefined) return undefined;
  const url = `unix://${socketPath}`;
  return provider === 'docker' ? ['docker', '--host', url] : ['podman', '--remote', '--url', url];
}

/** What of a container somebody asked for. */
async function inspect({ engine }: EngineUnderTest, container: string): Promise<object> {
  const { Config, HostConfig, Name, Mounts } = await engine.getContainer(container).inspect();
  const {
    Memory,
    MemorySwap,
    NanoCpus,
    PidsLimit,
    CapDrop,
    CapAdd,
    SecurityOpt,
    ReadonlyRootfs,
    Tmpfs,
    PortBindings,
    Ulimits,
    LogConfig,
    RestartPolicy,
    Privileged,
  } = HostConfig;
  const { User, Cmd, Entrypoint, Labels, OpenStdin, StdinOnce, WorkingDir, Image } = Config;
  return {
    Name,
    Memory,
    MemorySwap,
    NanoCpus,
    PidsLimit,
    ReadonlyRootfs,
    Tmpfs,
    Privileged,
    User,
    OpenStdin,
    StdinOnce,
    WorkingDir,
    Image,
    Labels: Object.fromEntries(Object.entries(Labels).filter(([key]) => key.startsWith('minicontainer.'))),
    CapDrop: (CapDrop ?? []).map((name: string) => name.replace(/^CAP_/, '')).sort(),
    CapAdd: (CapAdd ?? []).map((name: string) => name.replace(/^CAP_/, '')).sort(),
    SecurityOpt: [...(SecurityOpt ?? [])].sort(),
    Ulimits: [...(Ulimits ?? [])].sort((a, b) => ((a.Name ?? '') < (b.Name ?? '') ? -1 : 1)),
    RestartPolicy: RestartPolicy?.Name,
    // Podman picks a free port when it creates, Docker when it starts
    ports: Object.entries(PortBindings ?? {}).map(([port, bound]) => [
      port,
      JSON.stringify(bound).includes('35353') ? '35353' : 'free',
    ]),
    LogConfig: { Type: LogConfig?.Type, Config: LogConfig?.Config },
    // an entrypoint's further words stand before the command in one and behind the entrypoint in the other
    process: [Entrypoint, Cmd].flat().filter((word) => typeof word === 'string'),
    Env: Config.Env.filter((variable) => !variable.startsWith('PATH=')).sort(),
    Mounts: Mounts.map(({ Type, Source, Destination, RW }) => ({ Type, Source, Destination, RW })).sort(
      (a, b) => (a.Destination < b.Destination ? -1 : 1),
    ),
  };
}
