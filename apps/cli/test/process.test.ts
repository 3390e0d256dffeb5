import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Person } from './home.ts';
import { LogServer } from './log-server.ts';

const root = join(import.meta.dirname, '..');
const fromSource = ['--conditions=@logline/source', join(root, 'src', 'main.ts')];

let person: Person;
let log: LogServer;
beforeAll(async () => {
  person = await Person.make();
  log = await new LogServer('voulezvous').listen();
});
afterAll(async () => {
  await log.close();
  await person.remove();
});

function start(args: readonly string[]) {
  const env = {
    ...process.env,
    ...person.env,
    HOME: person.dir,
    LOGLINE_BASE_URL: log.url,
    LOGLINE_TENANT: 'voulezvous',
    LOGLINE_API_KEY: `lltok_x_${'A'.repeat(43)}`,
  };
  const child = spawn(process.execPath, [...args], {
    cwd: person.dir,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => void (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (err += chunk.toString()));
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, out, err })),
  );
  return { child, ended, said: () => out };
}

describe('the process', () => {
  it('prints its version without loading anything', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect(await start([join(root, 'bin', 'logline.js'), '--version']).ended).toEqual({
      code: 0,
      out: `${version}\n`,
      err: '',
    });
  });

  it('gives the exit code of its command', async () => {
    expect((await start([...fromSource, 'explain', '428']).ended).code).toBe(0);
    expect((await start([...fromSource, 'explain', 'nothing']).ended).code).toBe(3);
    expect((await start([...fromSource, 'nothing']).ended).code).toBe(2);
  });

  it('says nothing when its reader goes away', async () => {
    const { child, ended } = start([...fromSource, 'explain', '--json']);
    child.stdout.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  it('ends on Ctrl-C with 130 while it watches, and leaves no stream open', async () => {
    log.append({
      this: 'urn:span:0190f0a0-0000-7000-8000-000000000001',
      subject: 'urn:minicontainer:voulezvous/web',
      intent: 'minicontainer.apply',
      payload: { manifest: {} },
    } as unknown as Parameters<LogServer['append']>[0]); // all that the server looks at
    const watching = start([...fromSource, 'status', 'web', '--watch']);
    await expect
      .poll(() => log.requests.some(({ path }) => path.startsWith('/v1/stream')), { timeout: 60_000 })
      .toBe(true);
    const sinceMs = Date.now();
    watching.child.kill('SIGINT');
    const { code, out } = await watching.ended;
    expect(code).toBe(130);
    expect(out).toContain('urn:minicontainer:voulezvous/web');
    expect(Date.now() - sinceMs).toBeLessThan(5000);
  });
});
