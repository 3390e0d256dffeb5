import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bridgeName } from '../src/containers/docker-network.ts';
import type { OwnEngine } from '../src/containers/docker.ts';
import { startOwnDocker, stopDocker } from '../src/containers/docker.ts';
import { askEngine } from '../src/containers/engine-request.ts';
import { ensureContainerEngine } from '../src/containers/ensure.ts';
import { findContainerEngine, pingEngine } from '../src/containers/find.ts';
import { ensureHelloImage } from '../src/containers/hello-image.ts';
import { startOwnPodman, stopPodman } from '../src/containers/podman.ts';
import { buildScratchImage } from '../src/containers/scratch-image.ts';
import { isProcessAlive, isRoot } from '../src/process/identity.ts';
import { runTool } from '../src/process/programs.ts';
import { CACHE_DIR, makeScratchDir, removeScratchDir } from './scratch-dir.ts';

const TAG = 'localhost/logline/hello:test';
const SECRET = 'postgres://user:hush-hush@db/app';

const engines = [
  { kind: 'docker', start: startOwnDocker, stop: stopDocker },
  { kind: 'podman', start: startOwnPodman, stop: stopPodman },
] as const;

/** Everything that runs with `text` in its command line, this test apart. */
function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(text) ? [line] : [];
      } catch {
        return [];
      }
    });
}

async function ask(
  engine: OwnEngine,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  json?: unknown,
): Promise<string> {
  const body = json === undefined ? undefined : new TextEncoder().encode(JSON.stringify(json));
  const answer = await askEngine(engine.socketPath, { method, path, body, timeoutMs: 60_000 });
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.text;
}

/** A container as the runner makes them: no root, no writing, no capabilities, little memory, one published port. */
async function runHello(
  engine: OwnEngine,
  name: string,
  secretFile?: string,
): Promise<{ id: string; port: number }> {
  const create = {
    Image: TAG,
    User: '65532:65532',
    Env: ['PORT=8080', ...(secretFile === undefined ? [] : ['DB_URL_FILE=/run/secrets/DB_URL'])],
    ExposedPorts: { '8080/tcp': {} },
    HostConfig: {
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: 128 * 1024 * 1024,
      PidsLimit: 64,
      PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      Mounts:
        secretFile === undefined
          ? []
          : [{ Type: 'bind', Source: secretFile, Target: '/run/secrets/DB_URL', ReadOnly: true }],
    },
  };
  const { Id: id } = JSON.parse(await ask(engine, 'POST', `/containers/create?name=${name}`, create)) as {
    Id: string;
  };
  await ask(engine, 'POST', `/containers/${id}/start`);
  const state = JSON.parse(await ask(engine, 'GET', `/containers/${id}/json`)) as {
    NetworkSettings: { Ports: Record<string, { HostPort: string }[] | null> };
  };
  return { id, port: Number(state.NetworkSettings.Ports['8080/tcp']?.[0]?.HostPort ?? 0) };
}

async function exitCode(engine: OwnEngine, id: string): Promise<number> {
  const state = JSON.parse(await ask(engine, 'GET', `/containers/${id}/json`)) as {
    State: { ExitCode: number; Running: boolean };
  };
  expect(state.State.Running).toBe(false);
  return state.State.ExitCode;
}

const logsOf = (engine: OwnEngine, id: string) =>
  ask(engine, 'GET', `/containers/${id}/logs?stdout=1&stderr=1`);
const page = async (port: number, path = '/') => (await fetch(`http://127.0.0.1:${port}${path}`)).text();

describe.each(engines)('our own $kind', ({ kind, start, stop }) => {
  let dir: string;
  let engine: OwnEngine | undefined;
  let why = '';

  beforeAll(async () => {
    dir = makeScratchDir();
    if (!isRoot()) {
      why = 'needs root';
      return;
    }
    try {
      engine = await start({ dir, report: (line) => console.log(line), allowInstall: false });
    } catch (error) {
      why = `no ${kind} here: ${error instanceof Error ? error.message : String(error)}`;
    }
  });
  afterAll(async () => {
    await stop(dir);
    removeScratchDir(dir);
  });

  it('answers as what it is', async ({ skip }) => {
    if (engine === undefined) return skip(why);
    expect(engine).toMatchObject({
      kind,
      version: expect.stringMatching(/^\d+\.\d+/),
      pid: expect.any(Number),
    });
    const environment = {
      searchPath: [],
      dockerHost: `unix://${engine.socketPath}`,
      runtimeDir: undefined,
      home: dir,
      cacheDir: dir,
    };
    const { socketPath, version } = engine;
    const options = { dir: join(dir, 'none'), report: () => undefined, environment };
    expect(await findContainerEngine(options)).toEqual({ kind, socketPath, version });
    // one that runs is taken as it is, and not stopped
    const ensured = await ensureContainerEngine(options);
    expect(ensured).toMatchObject({ kind, socketPath, pid: undefined });
    if ('stop' in ensured) await ensured.stop();
    expect(await pingEngine(socketPath)).toEqual({ kind, socketPath, version });
  });

  it('takes the image of examples/hello, once', async ({ skip }) => {
    if (engine === undefined) return skip(why);
    const options = { cacheDir: CACHE_DIR, report: (line: string) => console.log(line) };
    const first = await ensureHelloImage(engine.socketPath, TAG, options);
    const second = await ensureHelloImage(engine.socketPath, TAG, options);
    expect([first.isNew, second.isNew]).toEqual([true, false]);
    const image = JSON.parse(await ask(engine, 'GET', `/images/${TAG}/json`)) as { Id: string };
    expect([first.imageId, second.imageId]).toEqual([image.Id, image.Id]);
  });

  it('runs it with a published port, and lets it end cleanly', async ({ skip }) => {
    if (engine === undefined) return skip(why);
    await ensureHelloImage(engine.socketPath, TAG, { cacheDir: CACHE_DIR });
    const secretFile = join(dir, 'secret');
    writeFileSync(secretFile, SECRET);
    chmodSync(secretFile, 0o444);
    const { id, port } = await runHello(engine, 'hello-secret', secretFile);
    await expect.poll(() => page(port).catch(String)).toContain('hello from a LogLine container');
    expect(await page(port, '/healthz')).toBe('ok\n');
    await ask(engine, 'POST', `/containers/${id}/stop?t=10`);
    expect(await exitCode(engine, id)).toBe(0);
    const logs = await logsOf(engine, id);
    expect(logs).toMatch(
      /secret DB_URL ok \(32 bytes[^]*listening on port 8080 as user 65532[^]*asked to end, bye/,
    );
    expect(logs).not.toContain('hush-hush');
  });

  it('lets it fail when a promised secret is not there', async ({ skip }) => {
    if (engine === undefined) return skip(why);
    const empty = join(dir, 'empty');
    writeFileSync(empty, '');
    const { id } = await runHello(engine, 'hello-no-secret', empty).catch(async () => ({
      id: 'hello-no-secret',
    }));
    await ask(engine, 'POST', `/containers/${id}/wait`);
    expect(await exitCode(engine, id)).toBe(78);
  });

  it('refuses a tag or a path that cannot be, and says what the engine said', async ({ skip }) => {
    if (engine === undefined) return skip(why);
    const { socketPath } = engine;
    const files = [{ path: '/x', mode: 0o755, bytes: new Uint8Array(1) }];
    for (const tag of ['', 'UPPER:1', 'no-version', 'a b:1', 'x:1?y']) {
      await expect(buildScratchImage(socketPath, tag, { files, entrypoint: ['/x'] })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
      });
    }
    const outside = [{ path: '/../x', mode: 0o755, bytes: new Uint8Array(1) }];
    await expect(
      buildScratchImage(socketPath, 'a:1', { files: outside, entrypoint: ['/x'] }),
    ).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    const nobody = join(dir, 'no.sock');
    await expect(buildScratchImage(nobody, 'a:1', { files, entrypoint: ['/x'] })).rejects.toMatchObject({
      code: 'IMAGE_REFUSED',
    });
  });

  it('refuses to run twice in one directory', async ({ skip }) => {
    if (engine === undefined) return skip(why);
    await expect(start({ dir, report: () => undefined })).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
  });

  it('comes back after a kill -9, with its images', async ({ skip }) => {
    if (engine === undefined) return skip(why);
    await runHello(engine, 'hello-orphan');
    process.kill(engine.pid, 'SIGKILL');
    await expect.poll(() => isProcessAlive(engine?.pid ?? 0)).toBe(false);
    engine = await start({ dir, report: (line) => console.log(line), allowInstall: false });
    expect(await ensureHelloImage(engine.socketPath, TAG, { cacheDir: CACHE_DIR })).toMatchObject({
      isNew: false,
    });
  });

  it('leaves nothing running or mounted when it is stopped, also after a kill -9', async ({ skip }) => {
    if (engine === undefined) return skip(why);
    const { id } = await runHello(engine, 'hello-left');
    const firewall = async () =>
      (await runTool('iptables', ['-t', 'nat', '-S'], { timeoutMs: 10_000 })).stdout;
    process.kill(engine.pid, 'SIGKILL');
    await stop(dir);
    await stop(dir);
    expect(processesNaming(dir)).toEqual([]);
    expect(processesNaming(engine.socketPath.replace(/\/[^/]+$/, ''))).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(dir);
    expect(existsSync(engine.socketPath)).toBe(false);
    expect(await firewall()).not.toContain(id);
    expect(await firewall()).not.toContain(bridgeName(dir));
    expect(existsSync(`/sys/class/net/${bridgeName(dir)}`)).toBe(false);
  });

  it('publishes the same page from an image that is made of Node', async ({ skip }) => {
    if (why !== '') return skip(why);
    engine = await start({ dir, report: () => undefined, allowInstall: false });
    await ensureHelloImage(engine.socketPath, TAG, { base: 'node' });
    const { id, port } = await runHello(engine, 'hello-node');
    await expect
      .poll(() => page(port).catch(String), { timeout: 20_000 })
      .toContain('hello from a LogLine container');
    await engine.stop();
    expect(isProcessAlive(engine.pid)).toBe(false);
    expect(id).not.toBe('');
  });
});

describe('the network of the machine', () => {
  it('is as it was when the last Docker of ours has gone', async ({ skip }) => {
    if (!isRoot()) return skip('needs root');
    const running =
      processesNaming('dockerd --config-file').length + processesNaming('dockerd --data-root').length;
    if (running > 0) return skip('another dockerd runs on this machine');
    const rules = () => execFileSync('iptables', ['-S'], { encoding: 'utf8' });
    const dir = makeScratchDir();
    const before = rules();
    try {
      const engine = await startOwnDocker({ dir, report: () => undefined, allowInstall: false });
      expect(rules()).not.toBe(before);
      await engine.stop();
    } catch (error) {
      return skip(`no Docker here: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await stopDocker(dir);
      removeScratchDir(dir);
    }
    expect(rules()).toBe(before);
  });
});
