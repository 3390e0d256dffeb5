import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresHandle, StartPostgresOptions } from '../src/postgres/start.ts';
import { removePostgres, startPostgres, stopPostgres, useExternalPostgres } from '../src/postgres/start.ts';
import { isProcessAlive } from '../src/process/identity.ts';
import { makeScratchDir, removeScratchDir } from './scratch-dir.ts';

const login = { user: 'logline', password: 'p@ss/w:rd %' };
let scratch: string;
const started: PostgresHandle[] = [];

beforeAll(() => {
  scratch = makeScratchDir();
});
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop();
});
afterAll(async () => {
  for (const dir of ['one', 'two', 'closed/two']) await removePostgres(join(scratch, dir));
  removeScratchDir(scratch);
});

async function start(dir: string, options: Partial<StartPostgresOptions> = {}): Promise<PostgresHandle> {
  const place = join(scratch, dir);
  const server = await startPostgres({
    ...login,
    dir: place,
    logFile: join(place, 'postgres.log'),
    ...options,
  });
  started.push(server);
  return server;
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('startPostgres', () => {
  it('makes a durable database that only its user and this machine can enter', async () => {
    const server = await start('one');
    const rows = await ask(
      server.url,
      `SELECT name, setting FROM pg_settings WHERE name IN
        ('fsync', 'synchronous_commit', 'listen_addresses', 'unix_socket_directories', 'server_encoding', 'data_checksums') ORDER BY name`,
    );
    expect(rows).toEqual([
      { name: 'data_checksums', setting: 'on' },
      { name: 'fsync', setting: 'on' },
      { name: 'listen_addresses', setting: '127.0.0.1' },
      { name: 'server_encoding', setting: 'UTF8' },
      { name: 'synchronous_commit', setting: 'on' },
      { name: 'unix_socket_directories', setting: '' },
    ]);
    const wrong = new URL(server.url);
    wrong.password = 'wrong';
    await expect(ask(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect(statSync(join(scratch, 'one/data')).mode & 0o777).toBe(0o700);
  });

  it('is ready within a second the second time', async () => {
    const before = performance.now();
    await start('one');
    const tookMs = performance.now() - before;
    console.log(`warm start of PostgreSQL: ${Math.round(tookMs)} ms`);
    // twice the promise, for a machine that runs other suites at the same time
    expect(tookMs).toBeLessThan(2_000);
  });

  it('has what was committed before a kill -9, on the same port', async () => {
    const first = await start('one');
    await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.kill();
    const second = await start('one', { port: first.port });
    expect(second.port).toBe(first.port);
    expect(await ask(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('refuses a directory in which one runs, which can be stopped from anywhere', async () => {
    const server = await start('one', { detached: true });
    await expect(start('one')).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
    await stopPostgres(join(scratch, 'one'));
    expect(isProcessAlive(server.pid ?? 0)).toBe(false);
    await stopPostgres(join(scratch, 'one'));
  });

  it('says so when the password is not the one it was made with', async () => {
    await expect(start('one', { password: 'another' })).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('password'),
    });
  });

  it('steps around a port that is only preferred, and refuses one that was asked for', async () => {
    const first = await start('one');
    await expect(start('two', { port: first.port })).rejects.toMatchObject({ code: 'PORT_BUSY' });
    expect((await start('two', { preferredPort: first.port })).port).not.toBe(first.port);
  });

  it('works in a directory that is closed to the user it runs as', async () => {
    mkdirSync(join(scratch, 'closed'), { mode: 0o700 });
    chmodSync(join(scratch, 'closed'), 0o700);
    const first = await start('closed/two');
    await ask(first.url, 'CREATE TABLE kept AS SELECT 1 AS one');
    await first.stop();
    const second = await start('closed/two');
    expect(await ask(second.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
    expect(statSync(join(scratch, 'closed')).mode & 0o777).toBe(0o700);
  });

  it('refuses to be without a password', async () => {
    await expect(start('three', { password: '' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('useExternalPostgres', () => {
  it('takes one that runs, and never stops it', async () => {
    const own = await start('one');
    const external = await useExternalPostgres(own.url);
    expect(external).toMatchObject({ url: own.url, port: own.port, pid: undefined });
    await external.stop();
    await external.kill();
    expect(await ask(own.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
  it.each(['', 'localhost:5432', 'http://127.0.0.1/x', 'postgres//x'])(
    'refuses %j for a URL',
    async (url) => {
      await expect(useExternalPostgres(url)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    },
  );
  it('says where nobody answers, without the password', async () => {
    const url = 'postgres://someone:hush@127.0.0.1:9/db';
    const failure = await useExternalPostgres(url).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'POSTGRES_UNAVAILABLE',
      message: expect.stringContaining('127.0.0.1:9'),
    });
    expect(String(failure)).not.toContain('hush');
  });
});
