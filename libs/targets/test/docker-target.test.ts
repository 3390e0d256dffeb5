import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { eventually } from '@logline/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containerName, type RunStatus } from '../src/index.ts';
import {
  type EngineUnderTest,
  IMAGE,
  SHELL_LESS_IMAGE,
  startEngine,
  TargetUnderTest,
  toSecrets,
} from './engine-under-test.ts';

const CANARY = 'kanarienvogel-7f3a9c51e8';

for (const provider of ['docker', 'podman'] as const) {
  const found = await startEngine(provider);
  const skipReason = typeof found === 'string' ? found : undefined;
  if (skipReason !== undefined) console.warn(`skipped: ${provider}: ${skipReason}`);

  describe.skipIf(skipReason !== undefined)(`a ${provider} target`, { meta: { skipReason } }, () => {
    let on: TargetUnderTest;
    let under: EngineUnderTest;

    beforeAll(async () => {
      if (typeof found === 'string') throw new Error(found);
      under = found;
      on = await TargetUnderTest.open(under);
    });
    afterAll(async () => {
      await on?.close();
      await under?.stop();
    });

    test('hardens for real what the manifest does not open', async () => {
      const spec = on.spec({
        security: { read_only_rootfs: true },
        resources: { memory_bytes: 32 * 1024 * 1024, pids: 20 },
        command: [
          'sh',
          '-c',
          `grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs|Uid|Gid):' /proc/self/status
           touch /x 2>/dev/null && echo rootfs-writable || echo rootfs-closed
           touch /tmp/x && echo tmp-open
           cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null
           cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null
           ulimit -n`,
        ],
      });
      const { status, output } = await on.run(spec);
      expect(status.exitCode).toBe(0);
      expect(output).toMatch(/CapEff:\s+0000000000000000/);
      expect(output).toMatch(/CapPrm:\s+0000000000000000/);
      expect(output).toMatch(/CapBnd:\s+0000000000000000/);
      expect(output).toMatch(/NoNewPrivs:\s+1/);
      expect(output).toMatch(/Uid:\s+65532\s+65532/);
      expect(output).toMatch(/Gid:\s+65532\s+65532/);
      expect(output).toContain('rootfs-closed');
      expect(output).toContain('tmp-open');
      expect(output).toMatch(/^33554432$/m);
      expect(output).toMatch(/^20$/m);
      expect(output).toMatch(/^1024$/m);
    });

    test('stops a fork storm at the pids limit', async () => {
      const spec = on.spec({
        resources: { pids: 10 },
        command: ['sh', '-c', 'i=0; while [ $i -lt 40 ]; do sleep 2 & i=$((i+1)); done; wait'],
      });
      const { output } = await on.run(spec);
      expect(output).toMatch(/can't fork/);
    });

    test.each([0, 1, 42, 255])('reports exit code %i with the times of the run', async (code) => {
      const before = Date.now() - 2000;
      const { status } = await on.run(on.spec({ command: ['sh', '-c', `exit ${code}`] }));
      expect(status).toMatchObject({ state: 'exited', exitCode: code, isOomKilled: false });
      expect(status.startedAtMs).toBeGreaterThan(before);
      expect(status.finishedAtMs).toBeGreaterThanOrEqual(status.startedAtMs ?? 0);
    });

    test('tells an out-of-memory kill from any other', async () => {
      const spec = on.spec({
        resources: { memory_bytes: 16 * 1024 * 1024 },
        command: ['sh', '-c', 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'],
      });
      const { status } = await on.run(spec);
      expect(status.exitCode).toBe(137);
      // conmon does not see the kill on cgroups v1: there it stays a kill of unknown reason
      const isSeen = provider === 'docker' || existsSync('/sys/fs/cgroup/cgroup.controllers');
      expect(status.isOomKilled).toBe(isSeen);
    });

    test('publishes on a free port, says which, and the port answers', async () => {
      const spec = on.spec({
        ports: [
          { host: 0, container: 8080 },
          { host: 0, container: 5353, protocol: 'udp' },
        ],
        command: ['sh', '-c', 'while :; do echo hello-from-inside | nc -l -p 8080; done'],
      });
      const { container } = await on.target.apply(spec, []);
      const { ports } = await on.target.start(spec, container, []);
      expect(ports.map(({ container: inside, protocol }) => `${inside}/${protocol}`).sort()).toEqual([
        '5353/udp',
        '8080/tcp',
      ]);
      const tcp = ports.find(({ protocol }) => protocol === 'tcp');
      await eventually(async () => expect(await firstWords(tcp?.host ?? 0)).toContain('hello-from-inside'));
      await on.target.remove(container, spec.run);
    });

    test('refuses a taken port, and leaves no container behind', async () => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '0.0.0.0', resolve));
      const address = taken.address();
      const host = typeof address === 'object' && address !== null ? address.port : 0;
      const spec = on.spec({ ports: [{ host, container: 8080 }], command: ['sleep', '60'] });
      const { container } = await on.target.apply(spec, []);
      await expect(on.target.start(spec, container, [])).rejects.toMatchObject({ code: 'PORT_CONFLICT' });
      expect(await on.target.status(container)).toBeNull();
      taken.close();
    });

    test('says that an image cannot be had', async () => {
      const spec = on.spec({ image: 'localhost:1/nowhere/nothing:1' });
      await expect(on.target.apply(spec, [])).rejects.toMatchObject({ code: 'IMAGE_UNAVAILABLE' });
      expect(await on.target.recover({ tenant: on.tenant, runner: 'edge-1' })).not.toContainEqual(
        expect.objectContaining({ run: spec.run }),
      );
    });

    test('says that a program does not exist, and leaves no container behind', async () => {
      const spec = on.spec({ entrypoint: ['/nothing/here'] });
      const { container } = await on.target.apply(spec, []);
      await expect(on.target.start(spec, container, [])).rejects.toMatchObject({ code: 'ENGINE_REFUSED' });
      expect(await on.target.status(container)).toBeNull();
    });

    test('makes the same run once, however often it is asked', async () => {
      const spec = on.spec({ command: ['sleep', '60'] });
      const first = await on.target.apply(spec, []);
      const second = await on.target.apply(spec, []);
      expect(second.container).toBe(first.container);
      const started = await on.target.start(spec, first.container, []);
      const again = await on.target.start(spec, first.container, []);
      expect(again).toMatchObject({ state: 'running', startedAtMs: started.startedAtMs });
      await on.target.remove(first.container, spec.run);
      await on.target.remove(first.container, spec.run);
    });

    test('does not take another run for its own because of its name', async () => {
      const spec = on.spec({ command: ['sleep', '60'] });
      const { container } = await on.target.apply(spec, []);
      const other = { ...spec, run: { ...spec.run, specHash: `blake3:${'2'.repeat(64)}` } };
      await expect(on.target.apply(other, [])).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      await on.target.remove(container, spec.run);
    });

    test('stops politely, then firmly, and stopping twice is fine', async () => {
      const polite = on.spec({
        command: ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'],
      });
      const deaf = on.spec({
        command: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'],
      });
      const codes: (number | undefined)[] = [];
      for (const spec of [polite, deaf]) {
        const { container } = await on.target.apply(spec, []);
        await on.target.start(spec, container, []);
        await settled(on, container);
        codes.push((await on.target.stop(container, 1000))?.exitCode);
        expect((await on.target.stop(container, 1000))?.state).toBe('exited');
        await on.target.remove(container, spec.run);
        expect(await on.target.stop(container, 1000)).toBeNull();
      }
      expect(codes).toEqual([3, 137]);
    });

    test('notices a kill and a removal behind its back', async () => {
      const spec = on.spec({ command: ['sleep', '60'] });
      const { container } = await on.target.apply(spec, []);
      await on.target.start(spec, container, []);
      const exited = on.target.exited(container, AbortSignal.timeout(30_000));
      await under.engine.getContainer(container).kill();
      expect(await exited).toMatchObject({ state: 'exited', exitCode: 137, isOomKilled: false });

      const other = on.spec({ command: ['sleep', '60'] });
      const second = await on.target.apply(other, []);
      await on.target.start(other, second.container, []);
      const removed = on.target.exited(second.container, AbortSignal.timeout(30_000));
      await under.engine.getContainer(second.container).remove({ force: true });
      // an engine may let the waiter see the corpse or nothing at all
      expect([null, 'exited']).toContain((await removed)?.state ?? null);
      expect(await on.target.status(second.container)).toBeNull();
    });

    test('finds its containers again by their labels, with everything they carry', async () => {
      const spec = on.spec({ command: ['sleep', '60'] });
      const { container } = await on.target.apply(spec, []);
      await on.target.start(spec, container, []);
      const dead = on.spec({ command: ['sh', '-c', 'exit 9'] });
      await on.run(dead);
      const found = await on.target.recover({ tenant: on.tenant, runner: 'edge-1' });
      expect(found).toContainEqual(expect.objectContaining({ container, run: spec.run, state: 'running' }));
      expect(found).toContainEqual(expect.objectContaining({ run: dead.run, state: 'exited', exitCode: 9 }));
      expect(await on.target.recover({ tenant: 'somebody-else', runner: 'edge-1' })).toEqual([]);
      await on.target.remove(container, spec.run);
    });

    test('hints at what happens to its containers', async () => {
      const stopWatching = new AbortController();
      const hints = on.target.watch({ tenant: on.tenant, runner: 'edge-1' }, stopWatching.signal);
      const died = (async () => {
        for await (const { container, action } of hints)
          if (action === 'die' || action === 'died') return container;
        return undefined;
      })();
      // the events begin when the engine has opened its answer: run until one is seen
      const seen: RunStatus[] = [];
      const dying = (async () => {
        while (!stopWatching.signal.aborted && seen.length < 20)
          seen.push((await on.run(on.spec({ command: ['true'] }))).status);
      })();
      const container = await Promise.race([died, dying.then(() => undefined)]);
      stopWatching.abort();
      await dying;
      expect(seen.map((status) => status.container)).toContain(container);
    });

    test('keeps a named volume between two runs of one tenant', async () => {
      // an empty volume belongs to root
      const security = { run_as_user: 0 };
      const asRoot = { root_user: true };
      const volumes = [{ name: 'kept', path: '/data' }];
      const written = await on.run(
        on.spec({ security, volumes, command: ['sh', '-c', 'echo kept > /data/x'] }, asRoot),
      );
      expect(written.status.exitCode).toBe(0);
      const read = await on.run(
        on.spec(
          {
            security,
            volumes: [{ name: 'kept', path: '/data', read_only: true }],
            command: ['sh', '-c', 'cat /data/x; touch /data/y'],
          },
          asRoot,
        ),
      );
      expect(read.output).toContain('kept');
      expect(read.status.exitCode).not.toBe(0);
      for (const { container, run } of await on.target.recover({ tenant: on.tenant, runner: 'edge-1' }))
        await on.target.remove(container, run);
      await under.engine.getVolume(`mc_${on.tenant}_kept`).remove();
    });

    test('delivers a secret by file, readable by the process alone, and takes it away with the container', async () => {
      const spec = on.spec({
        security: { read_only_rootfs: true },
        env: { DB_KEY: 'grant://db', PLAIN: 'yes' },
        command: [
          'sh',
          '-c',
          `[ "$(cat "$DB_KEY_FILE")" = '${CANARY.slice(0, 8)}'"$TAIL" ] || [ -z "$DB_KEY" ] && ls -l $DB_KEY_FILE; stat -c '%a %u' $DB_KEY_FILE; cat $DB_KEY_FILE | tail -c 4; touch $DB_KEY_FILE.x`,
        ],
      });
      const handed = toSecrets({ DB_KEY: CANARY });
      const { container } = await on.target.apply(spec, handed);
      const onHost = `${on.secretFiles.root}/${containerName(spec.run)}/DB_KEY`;
      expect(statSync(onHost).mode & 0o777).toBe(process.getuid?.() === 0 ? 0o400 : 0o444);
      await on.target.start(spec, container, handed);
      const status = await on.target.exited(container, AbortSignal.timeout(30_000));
      const output = await on.output(container);
      expect(output).toContain('/run/secrets/DB_KEY');
      expect(output).toContain(CANARY.slice(-4));
      expect(status?.exitCode).not.toBe(0); // nothing can be written beside it
      await expectNowhere(on, container);
      await on.target.remove(container, spec.run);
      expect(existsSync(onHost)).toBe(false);
    });

    test.each([IMAGE, SHELL_LESS_IMAGE])('hands a secret over by stdin to %s', async (image) => {
      const value = `${CANARY}\nsecond line\n`;
      const spec = on.spec({
        image,
        env: { DB_KEY: 'grant://db', PLAIN: 'yes' },
        secret_delivery: 'env',
        entrypoint: [
          '/bin/busybox',
          'sh',
          '-c',
          'echo "$PLAIN ${#DB_KEY} ${DB_KEY##*-}"; read -r more && echo "stdin open" || echo "stdin closed"; exec sleep 60',
        ],
      });
      const handed = toSecrets({ DB_KEY: value });
      const { container } = await on.target.apply(spec, handed);
      await on.target.start(spec, container, handed);
      await settled(on, container, 'stdin closed');
      const output = await on.output(container);
      expect(output).toContain(`yes ${value.length} 7f3a9c51e8\nsecond line\n`);
      await expectNowhere(on, container);
      await on.target.remove(container, spec.run);
    });

    test('hands secrets to the process of the image itself', async () => {
      const spec = on.spec({
        env: { A: 'grant://a' },
        secret_delivery: 'env',
        command: ['sh', '-c', 'echo "got ${#A}"'],
      });
      const { status, output } = await on.run(spec, { A: '12345' });
      expect({ code: status.exitCode, output }).toEqual({ code: 0, output: 'got 5\n' });
    });

    test('never starts the process when the hand-off breaks off', async () => {
      const spec = on.spec({
        env: { A: 'grant://a' },
        secret_delivery: 'env',
        command: ['sh', '-c', 'echo started-without-secrets'],
      });
      const { container } = await on.target.apply(spec, toSecrets({ A: 'x' }));
      // as after a crash between start and hand-off: somebody attaches, starts, and is gone
      const { attachStdin } = await import('../src/attach-stdin.ts');
      const stdin = await attachStdin(under.socketPath, container);
      await under.engine.getContainer(container).start();
      stdin.close();
      const status = await on.target.exited(container, AbortSignal.timeout(30_000));
      expect(status?.exitCode).toBe(78);
      expect(await on.output(container)).toBe('');
    });

    test('refuses the hand-off to an image without a shell when none is lent', async () => {
      const bare = await TargetUnderTest.open(under, { lend: false });
      const spec = bare.spec({
        image: SHELL_LESS_IMAGE,
        env: { A: 'grant://a' },
        secret_delivery: 'env',
        entrypoint: ['/bin/busybox', 'true'],
      });
      await expect(bare.target.apply(spec, toSecrets({ A: 'x' }))).rejects.toMatchObject({
        code: 'SHELL_MISSING',
      });
      expect(await bare.target.recover({ tenant: bare.tenant, runner: 'edge-1' })).toEqual([]);
      await bare.close();
    });

    test('refuses secrets that are not the ones the container waits for', async () => {
      const spec = on.spec({ env: { A: 'grant://a' } });
      await expect(on.target.apply(spec, [])).rejects.toMatchObject({ code: 'BAD_RUN' });
      await expect(on.target.apply(spec, toSecrets({ B: 'x' }))).rejects.toMatchObject({ code: 'BAD_RUN' });
    });

    /** The canary is in no answer of the engine, no log beyond what the test printed, no argv of the host, no file of the engine. */
    async function expectNowhere(tried: TargetUnderTest, container: string): Promise<void> {
      const inspected = JSON.stringify(await under.engine.getContainer(container).inspect());
      expect(inspected).not.toContain(CANARY);
      expect(await tried.output(container)).not.toContain(CANARY);
      const processes = spawnSync('ps', ['axww', '-o', 'args'], { encoding: 'utf8' }).stdout;
      expect(
        processes.split('\n').filter((line) => line.includes(CANARY) && !line.startsWith('grep')),
      ).toEqual([]);
      const { DockerRootDir } = await under.engine.info();
      const state =
        typeof DockerRootDir === 'string' && existsSync(DockerRootDir) ? DockerRootDir : undefined;
      expect(state).toBeDefined();
      const grep = spawnSync('grep', ['-rlF', '--exclude-dir=proc', CANARY, state ?? ''], {
        encoding: 'utf8',
      });
      expect(
        grep.stdout.split('\n').filter((path) => path !== '' && !path.includes('/secrets/DB_KEY')),
      ).toEqual([]);
    }
  });
}

test('an engine that is not there is unreachable, not wrong', async () => {
  const { DockerTarget, SecretFiles } = await import('../src/index.ts');
  const secretFiles = await SecretFiles.open(`/dev/shm/logline-test-${process.pid}-none`);
  const target = new DockerTarget({ socketPath: '/nowhere/engine.sock', provider: 'docker', secretFiles });
  await expect(target.recover({ tenant: 'a', runner: 'b' })).rejects.toMatchObject({
    code: 'ENGINE_UNREACHABLE',
  });
});

/** Waits until the container wrote something, or is up to handling signals. */
async function settled(on: TargetUnderTest, container: string, words = 'ready'): Promise<void> {
  await eventually(async () => expect(await on.output(container)).toContain(words), { withinMs: 20_000 });
}

function firstWords(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
    socket.once('error', reject);
  });
}
