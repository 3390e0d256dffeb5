import { readFileSync, statSync, writeFileSync, chmodSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findNatsServer } from '../src/nats/find.ts';
import type { NatsHandle, StartNatsOptions } from '../src/nats/start.ts';
import { startNats, stopNats } from '../src/nats/start.ts';
import { isProcessAlive } from '../src/process/identity.ts';
import { findFreePort } from '../src/process/ports.ts';
import { CACHE_DIR, makeScratchDir, removeScratchDir } from './scratch-dir.ts';

const admin = { user: 'admin', password: 'p"w\\ü\n$x' };
let scratch: string;
let binary: string;
const started: NatsHandle[] = [];

beforeAll(async () => {
  scratch = makeScratchDir();
  ({ path: binary } = await findNatsServer({ cacheDir: CACHE_DIR, report: console.log }));
});
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop();
});
afterAll(() => removeScratchDir(scratch));

async function start(dir: string, options: Partial<StartNatsOptions> = {}): Promise<NatsHandle> {
  const place = join(scratch, dir);
  const server = await startNats({
    binary,
    dir: place,
    config: { users: [admin] },
    logFile: join(place, 'nats.log'),
    ...options,
  });
  started.push(server);
  return server;
}
const login = (server: NatsHandle, user = admin) =>
  connect({ servers: server.url, user: user.user, pass: user.password });

describe('startNats', () => {
  it('lets in only its users, whatever their passwords are made of', async () => {
    const server = await start('users');
    const connection = await login(server);
    expect(connection.info?.jetstream).toBe(true);
    expect(connection.info?.max_payload).toBe(8 * 1024 * 1024);
    await connection.close();
    await expect(connect({ servers: server.url })).rejects.toThrow(/authorization/i);
    await expect(login(server, { user: 'admin', password: 'wrong' })).rejects.toThrow(/authorization/i);
  });

  it('runs on as many cores as it is told to', async () => {
    const monitorPort = await findFreePort();
    await start('cores', { mostCores: 1, monitorPort });
    const varz = await fetch(`http://127.0.0.1:${monitorPort}/varz`);
    expect(await varz.json()).toMatchObject({ gomaxprocs: 1 });
  });

  it('keeps its configuration, which has the passwords, to its user', async () => {
    await start('modes');
    expect(statSync(join(scratch, 'modes/nats-server.conf')).mode & 0o777).toBe(0o600);
    expect(statSync(join(scratch, 'modes')).mode & 0o777).toBe(0o700);
  });

  it('holds users to their subjects, and takes an empty list for nothing', async () => {
    const reader = {
      user: 'reader',
      password: 'r',
      permissions: { publish: { allow: [] }, subscribe: { allow: ['fact.>'], deny: ['fact.secret'] } },
    };
    const server = await start('permissions', { config: { users: [admin, reader] } });
    const connection = await login(server, reader);
    const denied: string[] = [];
    void (async () => {
      for await (const status of connection.status())
        if (status.type === 'error') denied.push(status.error.message);
    })();
    connection.publish('anything', 'x');
    connection.subscribe('fact.secret');
    connection.subscribe('fact.open');
    await connection.flush();
    await expect
      .poll(() => denied.join('\n'))
      .toMatch(/Publish to "anything"[^]*Subscription to "fact\.secret"/);
    expect(denied.join('\n')).not.toContain('fact.open');
    await connection.close();
  });

  it('has what was acknowledged before a kill -9, on the same port', async () => {
    const first = await start('killed');
    const connection = await login(first);
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'S', subjects: ['s'] });
    await jetstream(connection).publish('s', 'kept');
    await first.kill();
    expect(isProcessAlive(first.pid)).toBe(false);
    await connection.close().catch(() => undefined);

    const second = await start('killed', { port: first.port });
    expect(second.port).toBe(first.port);
    const again = await login(second);
    expect((await (await jetstreamManager(again)).streams.info('S')).state.messages).toBe(1);
    await again.close();
  });

  it('refuses a port that is taken, and steps around one that was only preferred', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const address = squatter.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(start('busy', { port })).rejects.toMatchObject({ code: 'PORT_BUSY' });
    const server = await start('busy', { preferredPort: port });
    expect(server.port).not.toBe(port);
    await new Promise((resolve) => squatter.close(resolve));
  });

  it('refuses a directory in which one runs, which can be stopped from anywhere', async () => {
    const server = await start('claimed', { detached: true });
    await expect(start('claimed')).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
    await stopNats(join(scratch, 'claimed'));
    expect(isProcessAlive(server.pid)).toBe(false);
    await stopNats(join(scratch, 'claimed'));
    await start('claimed');
  });

  it('stops once, however often it is asked', async () => {
    const server = await start('stopped');
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(isProcessAlive(server.pid)).toBe(false);
  });

  it('says what the server said when it does not start', async () => {
    mkdirSync(join(scratch, 'broken'), { recursive: true });
    writeFileSync(join(scratch, 'broken/store'), 'a file where a directory should be');
    await expect(start('broken')).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('not a directory'),
    });
  });
});

describe('findNatsServer', () => {
  function fake(name: string, output: string): string {
    const path = join(scratch, name);
    writeFileSync(path, `#!/bin/sh\necho '${output}'\n`);
    chmodSync(path, 0o755);
    return path;
  }

  it('refuses the configured binary when it is too old, and tries nothing else', async () => {
    const configuredPath = fake('old', 'nats-server: v2.9.10');
    const options = { configuredPath, cacheDir: CACHE_DIR, report: () => undefined };
    await expect(findNatsServer(options)).rejects.toMatchObject({
      code: 'NATS_UNUSABLE',
      message: /2\.9\.10.*2\.12\.0/,
    });
  });

  it.each(['no such file', 'hello'])('refuses the configured binary when it is %s', async (what) => {
    const configuredPath = what === 'hello' ? fake('hello', 'hello') : join(scratch, 'absent');
    const options = { configuredPath, cacheDir: CACHE_DIR, report: () => undefined };
    await expect(findNatsServer(options)).rejects.toMatchObject({ code: 'NATS_UNUSABLE' });
  });

  it('tries one way after the other, tells why each fell through, and keeps what came', async ({ skip }) => {
    const lines: string[] = [];
    const cacheDir = join(scratch, 'cache');
    const options = { cacheDir, report: (line: string) => lines.push(line) };
    const sources = [
      { name: 'a closed shop', fetch: async () => ({ why: 'closed' }) },
      { name: 'an old shop', fetch: async () => ({ path: fake('old-one', 'nats-server: v2.11.9') }) },
      { name: 'a good shop', fetch: async () => ({ path: fake('new-one', 'nats-server: v9.9.9') }) },
    ];
    const hasOwn = await findNatsServer({ ...options, allowInstall: false }).then(
      () => true,
      () => false,
    );
    if (hasOwn) return skip('this machine has a good nats-server on its path');
    const found = await findNatsServer({ ...options, sources });
    expect(found.version).toBe('9.9.9');
    expect(readFileSync(found.path, 'utf8')).toContain('v9.9.9');
    const told = lines.join('\n');
    expect(told).toMatch(/closed[^]*2\.11\.9, older than 2\.12\.0[^]*9\.9\.9 from a good shop/);
    // the second time nothing is fetched
    expect(await findNatsServer({ ...options, sources: [] })).toEqual(found);
    await expect(
      findNatsServer({ ...options, cacheDir: join(scratch, 'empty'), sources: sources.slice(0, 2) }),
    ).rejects.toMatchObject({
      code: 'NATS_NOT_FOUND',
      message: expect.stringMatching(/a closed shop: closed[^]*an old shop/),
    });
  });
});
