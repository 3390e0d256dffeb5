import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JUDGED, type Judged } from './vector-verdicts.ts';
import { readVectors } from './whole-tree.ts';

/** 20 KB as the strictest reads it. */
const LIMIT_BYTES = 20_000;

const folder = mkdtempSync(join(tmpdir(), 'logline-verifier-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The one file that the package's build writes, and beside it all that a stranger needs to try it. */
let made: { readonly imports: readonly unknown[]; readonly inputs: Readonly<Record<string, number>> };
beforeAll(() => {
  const build = fileURLToPath(new URL('../bundle-verifier.mjs', import.meta.url));
  made = JSON.parse(
    execFileSync(process.execPath, [build, join(folder, 'verifier.js')], { encoding: 'utf8' }),
  );
  const judge = readFileSync(new URL('vector-verdicts.ts', import.meta.url), 'utf8');
  writeFileSync(join(folder, 'judge.js'), stripTypeScriptTypes(judge));
  const files = Object.fromEntries(JUDGED.map((name) => [name, readVectors(`${name}.json`)]));
  writeFileSync(join(folder, 'vectors.json'), JSON.stringify(files));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});

/** What `judgeVectors` said, as it came out of a page or another process. */
function expectAllRight(judged: readonly Judged[]): void {
  expect(judged.length).toBeGreaterThan(190);
  expect(judged.filter(({ verdict, expected }) => verdict !== expected)).toEqual([]);
}

test('the offline verifier is under 20 KB gzipped, in one file that imports nothing', () => {
  const verifier = readFileSync(join(folder, 'verifier.js'));
  const sizeBytes = gzipSync(verifier, { level: 9 }).length;
  console.log(`the offline verifier: ${verifier.length} bytes, ${sizeBytes} gzipped`);
  expect(sizeBytes).toBeLessThan(LIMIT_BYTES);
  expect(made.imports).toEqual([]);
  expect(verifier.toString()).not.toMatch(/["']node:|\brequire\(|\bimport\(|\bprocess\.|\bBuffer\.alloc/);
});

test('what it is made of is this package, canonical JSON and signatures, hashes and Ed25519', () => {
  const ours = /^libs\/(tlog|canon-sign)\/src\/[a-z0-9-]+\.ts$/;
  const others = Object.keys(made.inputs).filter((path) => !ours.test(path));
  expect(others.filter((path) => !/^@noble\/(hashes|ed25519)\//.test(path))).toEqual([]);
  const pack = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(Object.keys(pack.dependencies)).toEqual(['@logline/canon-sign', '@noble/hashes']);
});

test('plain Node gives every verdict with that file and nothing else', async () => {
  writeFileSync(
    join(folder, 'run.js'),
    `import * as verifier from './verifier.js';
     import { judgeVectors } from './judge.js';
     import { readFileSync } from 'node:fs';
     const files = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url)));
     console.log(JSON.stringify(judgeVectors(verifier, files)));`,
  );
  const plain = promisify(execFile);
  const env = { PATH: process.env['PATH'] };
  const { stdout } = await plain(process.execPath, ['run.js'], { cwd: folder, env, maxBuffer: 16_000_000 });
  expectAllRight(JSON.parse(stdout));
});

const chromium = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
);

describe('in a real browser', () => {
  test('Chromium gives every verdict with that file and nothing else', async ({ skip }) => {
    if (chromium === undefined)
      return skip('no Chromium: neither CHROMIUM_PATH nor /usr/bin/chromium is there');
    const { judged, userAgent } = await judgeInBrowser(chromium);
    console.log(`the offline verifier in ${userAgent}`);
    expect(userAgent).toContain('Chrome/');
    expectAllRight(judged);
  });
});

interface Report {
  readonly userAgent: string;
  readonly judged: readonly Judged[];
}

/** Serves the folder on loopback to a browser without a window, and waits for what its page posts back. */
async function judgeInBrowser(executable: string): Promise<Report> {
  const page = `<!doctype html><meta charset="utf-8"><script type="module">
    const post = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) });
    try {
      const [verifier, { judgeVectors }, files] = await Promise.all([
        import('/verifier.js'), import('/judge.js'), fetch('/vectors.json').then((response) => response.json()),
      ]);
      await post({ userAgent: navigator.userAgent, judged: judgeVectors(verifier, files) });
    } catch (error) {
      await post({ userAgent: navigator.userAgent, error: String(error) });
    }
  </script>`;
  const served: Readonly<Record<string, string>> = {
    '/verifier.js': 'text/javascript',
    '/judge.js': 'text/javascript',
    '/vectors.json': 'application/json',
  };
  const reported = Promise.withResolvers<Report>();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path === '/report') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.end();
        const report = JSON.parse(Buffer.concat(chunks).toString());
        if ('error' in report) reported.reject(new Error(`the page says: ${report.error}`));
        else reported.resolve(report);
      });
    } else if (path === '/') {
      response.setHeader('content-type', 'text/html').end(page);
    } else if (served[path] === undefined) {
      response.writeHead(404).end();
    } else {
      response.setHeader('content-type', served[path]).end(readFileSync(join(folder, path)));
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // an address of a TCP server that listens
  const { port } = server.address() as AddressInfo;
  const quiet = '--no-first-run --disable-sync --disable-background-networking --disable-component-update';
  const plain = '--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage';
  const flags = [...`${plain} ${quiet}`.split(' '), `--user-data-dir=${join(folder, 'profile')}`];
  const browser = spawn(executable, [...flags, `http://127.0.0.1:${port}/`], { stdio: 'ignore' });
  browser.once('error', reported.reject);
  const ended = once(browser, 'exit').catch(() => undefined);
  void ended.then(() => reported.reject(new Error('the browser ended before its page said anything')));
  const patience = setTimeout(() => reported.reject(new Error('the page says nothing')), 60_000);
  try {
    return await reported.promise;
  } finally {
    clearTimeout(patience);
    browser.kill();
    await ended;
    server.closeAllConnections();
    server.close();
  }
}
