import { eventually } from '@logline/testing';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../../..');

type Line = { readonly msg?: string; readonly url?: string; readonly step?: string; readonly level?: string };
type Service = {
  readonly child: ChildProcess;
  readonly lines: Line[];
  stderr: string;
  readonly exited: Promise<number | null>;
  url(): Promise<string>;
};
let services: Service[] = [];

// services run as compiled by tsc; so does this one
beforeAll(
  () =>
    void execFileSync(
      process.execPath,
      [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'libs/service'],
      { cwd: ROOT },
    ),
);
afterEach(() => {
  for (const { child } of services) child.kill('SIGKILL');
  services = [];
});

function start(env: Record<string, string>): Service {
  const child = spawn(process.execPath, [join(HERE, 'example-service.mjs')], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: Line[] = [];
  let rest = '';
  child.stdout.on('data', (data: Buffer) => {
    const parts = (rest + data.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.filter((part) => part !== '').map((part) => JSON.parse(part) as Line));
  });
  const service: Service = {
    child,
    lines,
    stderr: '',
    exited: new Promise((resolve) => child.on('exit', (code) => resolve(code))),
    url: () =>
      eventually(() => {
        const url = lines.find(({ msg }) => msg === 'ready')?.url;
        if (url === undefined) throw new Error(`not ready: ${service.stderr}${JSON.stringify(lines)}`);
        return url;
      }),
  };
  child.stderr.on('data', (data: Buffer) => void (service.stderr += data.toString()));
  services.push(service);
  return service;
}
const GOOD = { LOGLINE_EXAMPLE_HTTP_PORT: '0', LOGLINE_EXAMPLE_LOG_LEVEL: 'info' };

describe('a service', () => {
  it('answers health, readiness and metrics', async () => {
    const url = await start(GOOD).url();
    const [health, ready, metrics] = await Promise.all(
      ['healthz', 'readyz', 'metrics'].map((path) => fetch(`${url}/${path}`)),
    );
    expect(await health?.json()).toEqual({ status: 'ok' });
    expect([ready?.status, await ready?.json()]).toEqual([
      200,
      { ready: true, checks: { process: 'ok', part: 'ok' }, state: {} },
    ]);
    expect(metrics?.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await metrics?.text()).toContain('example_total 0');
  });
  it('refuses to start on a bad configuration, and names every key', async () => {
    const service = start({
      LOGLINE_EXAMPLE_HTTP_PORT: 'x',
      LOGLINE_EXAMPLE_LOG_LEVEL: 'loud',
      LOGLINE_EXAMPLE_TYPO: '1',
    });
    expect(await service.exited).toBe(78);
    for (const key of ['LOGLINE_EXAMPLE_HTTP_PORT', 'LOGLINE_EXAMPLE_LOG_LEVEL', 'LOGLINE_EXAMPLE_TYPO'])
      expect(service.stderr).toContain(key);
    expect(service.stderr).not.toContain('loud');
  });
  it('stops on SIGTERM in its order: what is asked already is answered, then the steps, then nothing is left', async () => {
    const service = start(GOOD);
    const url = await service.url();
    const slow = fetch(`${url}/slow`);
    await eventually(() => expect(service.lines.some(({ msg }) => msg === 'asked')).toBe(true));
    service.child.kill('SIGTERM');
    expect(await (await slow).json()).toEqual({ done: true });
    expect(await service.exited).toBe(0);
    expect(service.lines.filter(({ msg }) => msg === 'stopped').map(({ step }) => step)).toEqual([
      'http',
      'lease',
      'application',
    ]);
  });
  it('does not stay for ever when a step is stuck', async () => {
    const service = start({ ...GOOD, STUCK: 'yes' });
    await service.url();
    service.child.kill('SIGTERM');
    expect(await service.exited).toBe(1);
  });
  it('leaves at once on a second signal', async () => {
    const service = start({ ...GOOD, STUCK: 'yes' });
    await service.url();
    service.child.kill('SIGTERM');
    await eventually(() => expect(service.lines.some(({ msg }) => msg === 'stopping')).toBe(true));
    service.child.kill('SIGINT');
    expect(await service.exited).toBe(1);
    expect(service.lines.some(({ msg }) => msg === 'stopping took too long')).toBe(false);
  });
  it('ends on an error that nobody caught', async () => {
    const service = start(GOOD);
    await fetch(`${await service.url()}/crash`);
    expect(await service.exited).toBe(1);
    expect(service.lines.some(({ msg, level }) => msg === 'unhandled error' && level === 'fatal')).toBe(true);
  });
  it('ends when its port is taken', async () => {
    const { port } = new URL(await start(GOOD).url());
    const second = start({ ...GOOD, LOGLINE_EXAMPLE_HTTP_PORT: port });
    expect(await second.exited).toBe(1);
    expect(second.lines.some(({ msg }) => msg === 'the service could not start')).toBe(true);
  });
});
