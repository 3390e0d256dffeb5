import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Receipt } from '@logline/contracts';
import { leafHash, parseVkey, verifyProof } from '@logline/tlog';
import { LocalSystem, until, type Env } from './local-system.ts';

/** A log as a monitor, a mirror and a person without a token see it: docs/log.md against the whole system. */

let system: LocalSystem;
let env: Env;
let prefix: string;
beforeAll(async () => {
  system = await LocalSystem.start();
  env = await system.env();
  prefix = `${env.baseUrl}/v1/log/${env.tenant}`;
  const sdk = await system.sdk();
  // more than one full tile; a log may be closed as often as one likes
  const closed = {
    intent: 'registry.log.publish',
    subject: `urn:tenant:${env.tenant}`,
    payload: { public: false },
  };
  const acks = await sdk.append(Array.from({ length: 300 }, () => closed));
  const refused = acks.filter(({ status }) => status !== 'ok');
  if (refused.length > 0) throw new Error(`not logged: ${JSON.stringify(refused[0])}`);
});
afterAll(async () => {
  await system?.close();
});

const anonymous = { env: { LOGLINE_CONFIG_DIR: '/nonexistent', LOGLINE_WALLET: '/nonexistent' } };
const theirs = () => ['--url', prefix, '--vkey', env.logKey];

describe('a log', () => {
  it('is nobody else’s until its tenant says so by a signed span', async () => {
    expect((await fetch(`${prefix}/checkpoint`)).status).toBe(404);
    expect((await fetch(`${env.baseUrl}/v1/log/nobody/checkpoint`)).status).toBe(404);
    const { receipt } = await system.loglineJson(['log', 'publish', '--yes']);
    const { index, this: id } = receipt as Receipt; // the command has verified it
    expect(index).toBeGreaterThan(300);
    await until(async () => (await fetch(`${prefix}/checkpoint`)).status === 200, 'the log is published');
    expect(await (await fetch(`${prefix}/key`)).text()).toBe(`${env.logKey}\n`);
    const tile = await fetch(`${prefix}/tile/0/000`);
    expect(tile.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const again = await fetch(`${prefix}/tile/0/000`, {
      headers: { 'if-none-match': tile.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
    const got = await system.loglineJson(['log', 'get', id]);
    expect(got).toMatchObject({ index, verified: true, span: { intent: 'registry.log.publish' } });
  });

  it('is followed, and each entry verified, by whoever has its key and nothing else', async () => {
    const tail = await system.logline(
      ['log', 'tail', '-n', '1', '--intent', 'registry.tenant.created', '--json', ...theirs()],
      anonymous,
    );
    expect([tail.code, tail.stderr]).toEqual([0, '']);
    expect(JSON.parse(tail.stdout)).toMatchObject({ index: 0, span: { intent: 'registry.tenant.created' } });
    const proof = await system.logline(['log', 'prove', '0', ...theirs()], anonymous);
    const entry = await system.logline(['log', 'get', '0', ...theirs()], anonymous);
    const vkey = parseVkey(env.logKey);
    const bytes = new TextEncoder().encode(entry.stdout.replace(/\n$/, ''));
    expect(verifyProof(proof.stdout, leafHash(bytes), { origin: vkey.name, vkeys: [vkey] }).index).toBe(0n);
    const served = await (await fetch(`${prefix}/inclusion?index=0`)).text();
    expect(verifyProof(served, leafHash(bytes), { origin: vkey.name, vkeys: [vkey] }).index).toBe(0n);
  });

  it('is copied to a folder that any web server serves and that verifies with no server of ours', async () => {
    const copy = join(system.home, 'copy');
    const made = await system.loglineJson(['log', 'export', copy, ...theirs()], anonymous);
    expect(made).toMatchObject({ ok: true, fault: null });
    expect(await system.loglineJson(['log', 'fsck', copy, '--vkey', env.logKey], anonymous)).toMatchObject({
      ok: true,
      entries: made['entries'],
    });
    const server = createServer((request, response) => {
      readFile(join(copy, request.url ?? '')).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
    const elsewhere = { env: { ...anonymous.env, LOGLINE_STATE_DIR: join(system.home, 'elsewhere') } };
    const checked = await system.loglineJson(['log', 'fsck', url, '--vkey', env.logKey], elsewhere);
    expect(checked).toMatchObject({ ok: true, where: url, entries: made['entries'] });
    await rm(join(copy, 'tile', '1'), { recursive: true });
    const broken = await system.logline(['log', 'fsck', url, '--vkey', env.logKey, '--json'], elsewhere);
    expect([broken.code, JSON.parse(broken.stdout).fault.code]).toEqual([3, 'MISSING']);
    server.closeAllConnections();
    server.close();
  });

  it('is its own again by the next word of its tenant', async () => {
    await system.loglineJson(['log', 'unpublish']);
    await until(async () => (await fetch(`${prefix}/checkpoint`)).status === 404, 'the log is closed');
    expect(await system.loglineJson(['log', 'checkpoint'])).toMatchObject({
      growth: expect.stringMatching(/same|grown/),
    });
  });
});
