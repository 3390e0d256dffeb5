import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blake3Hash, canonicalBytes } from '@logline/canon-sign';
import type { Receipt, Span } from '@logline/contracts';
import { ensureHelloImage } from '@logline/engines';
import { parseVkey, verifyReceipt } from '@logline/tlog';
import { buildTlogCheck } from '@logline/testing';
import { LocalSystem, until, type Env } from './local-system.ts';

/** The quick start of the README, as a new user types it: own manifest, own image, one tenant throughout. */

let system: LocalSystem;
let env: Env;
let provider: string;
let folder: string;
const IMAGE = 'localhost/my-own-app:1';
const SECRET = 'postgres://app:correct-horse-battery@db/app';

beforeAll(async () => {
  system = await LocalSystem.start();
  env = await system.env();
  provider = env.engine.kind;
  await ensureHelloImage(env.engine.socketPath, IMAGE);
  folder = join(system.home, 'my-app');
  await mkdir(folder);
});
afterAll(async () => {
  await system?.close();
});

const logline = (args: readonly string[], stdin?: string) =>
  system.logline(args, { cwd: folder, ...(stdin === undefined ? {} : { stdin }) });
const json = (args: readonly string[], stdin?: string) =>
  system.loglineJson(args, { cwd: folder, ...(stdin === undefined ? {} : { stdin }) });

describe('the quick start', () => {
  let ref = '';
  const subject = 'urn:minicontainer:voulezvous/web';

  it('writes a manifest, whose placeholders verify names with the commands that fill them', async () => {
    await json([
      'minicontainer',
      'init',
      '--name',
      'web',
      '--image',
      IMAGE,
      '--port',
      '8080',
      '--target',
      provider,
    ]);
    const sample = join(import.meta.dirname, '..', 'spec', 'vectors', 'manifests', 'blueprint-sample.json');
    const verdict = await logline(['minicontainer', 'verify', sample]);
    expect(verdict.code).toBe(5);
    expect(verdict.stdout + verdict.stderr).toMatch(/\/slots\/signing\/0\/pub/);
    expect(verdict.stdout + verdict.stderr).toMatch(/logline wallet/);
  });

  it('seals a secret that never leaves the wallet in the clear', async () => {
    await json(['wallet', 'seal', 'secret_db_url', '--manifest', 'manifest.json'], SECRET);
    await json([
      'wallet',
      'grant',
      'secret_db_url',
      '--aud',
      provider,
      '--env',
      'DB_URL',
      '--manifest',
      'manifest.json',
    ]);
    expect(await readFile(join(folder, 'manifest.json'), 'utf8')).not.toContain('correct-horse');
    expect(await readFile(join(folder, 'artifacts', 'secret_db_url'))).not.toContain(
      Buffer.from('correct-horse'),
    );
  });

  it('verifies and applies: logline minicontainer verify|apply manifest.json', async () => {
    expect((await logline(['minicontainer', 'verify', 'manifest.json'])).code).toBe(0);
    const applied = await json(['minicontainer', 'apply', 'manifest.json']);
    ref = String(applied['ref']);
    expect(ref).toMatch(/^mc:voulezvous\/web@blake3:[0-9a-f]{64}$/);
    expect(applied).toMatchObject({ subject, receipt_verified: true });
  });

  it('proves and deploys with a short ref: wallet prove deploy.allow --tenant voulezvous; deploy up --ref mc:…@blake3:abcd --target … --watch', async () => {
    await json(['wallet', 'prove', 'deploy.allow', '--tenant', 'voulezvous']);
    const short = ref.slice(0, ref.indexOf('blake3:') + 'blake3:'.length + 4);
    const up = await logline([
      'deploy',
      'up',
      '--ref',
      short,
      '--target',
      `${provider}:svc=web`,
      '--watch',
      '--json',
    ]);
    expect(up.code, up.stderr).toBe(0);
    const events = up.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ event: 'result', ok: true, run_state: 'running' });
  });

  it('shows what runs, and it really runs, with the secret in its file', async () => {
    const status = await json(['status', subject, '--no-stream']);
    const text = JSON.stringify(status);
    expect(text).toContain('running');
    const port = /"host":(\d+)/.exec(text)?.[1];
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    expect(page).not.toContain('correct-horse');
    expect(page.length).toBeGreaterThan(0);
  });

  it('every receipt of every fact verifies offline with nothing but the log key', async () => {
    const sdk = await system.sdk();
    const { items } = await sdk.query({ subject, limit: 1000 });
    expect(items.map(({ intent }) => intent)).toEqual([
      'minicontainer.apply',
      'minicontainer.applied',
      'wallet.proof.submit',
      'wallet.proof.verified',
      // deploy up makes a proof of its own unless it is told to use one
      ...items.slice(4, -7).map(({ intent }) => intent),
      'deploy.apply',
      'deploy.planned',
      'grant.materialize',
      'grant.materialized',
      'deploy.applied',
      'run_state.pending',
      'run_state.running',
    ]);
    for (const span of items) {
      const receipt = await sdk.receipt(span.this);
      verifyReceipt({
        receipt: receipt as Receipt,
        spanBytes: canonicalBytes(span),
        vkeys: [parseVkey(env.logKey)],
      });
    }
    const kept = (await readdir(join(system.home, 'state'), { recursive: true })).filter((name) =>
      /receipts.*\.json$/.test(name),
    );
    expect(kept.length).toBeGreaterThan(2);
    for (const name of kept) {
      const file = join(system.home, 'state', name);
      const { code, stdout } = await system.logline(['receipt', 'verify', file, '--log-key', env.logKey], {
        env: { LOGLINE_BASE_URL: 'http://127.0.0.1:1' },
      });
      expect(code, stdout).toBe(0);
    }
  });

  it('the verifiers that other people wrote in Go find the log and its receipts good', async ({ skip }) => {
    const check = await buildTlogCheck();
    if (typeof check === 'string') return skip(check);
    const sdk = await system.sdk();
    const { items } = await sdk.query({ subject, limit: 1000 });
    const proofs = join(folder, 'proofs');
    await mkdir(proofs);
    for (const { this: id } of items)
      await writeFile(join(proofs, `${id}.tlog-proof`), (await sdk.receipt(id))?.merkle ?? '');
    const headers = [
      '-header',
      `Authorization: ApiKey ${env.apiKey}`,
      '-header',
      `X-Tenant-Id: ${env.tenant}`,
    ];
    const log = `${env.baseUrl}/v1/log/${env.tenant}`;
    const verdict = await check.run('log', '-vkey', env.logKey, ...headers, '-proofs', proofs, log);
    await check.remove();
    expect(verdict).toMatchObject({ found: { receipts: items.length } });
  });

  it('a receipt for another span, or a byte changed, is refused', async () => {
    const sdk = await system.sdk();
    const { items } = await sdk.query({ subject, limit: 2 });
    const [span] = items;
    const receipt = await sdk.receipt(span?.this ?? '');
    const forged = join(folder, 'forged.json');
    await writeFile(forged, JSON.stringify({ span: { ...span, ts: '2026-01-01T00:00:00Z' }, receipt }));
    expect((await logline(['receipt', 'verify', forged, '--log-key', env.logKey])).code).toBe(3);
  });

  it('stops, and says how it ended', async () => {
    const stop = await logline(['deploy', 'stop', subject, '--watch', '--json']);
    expect(stop.code, stop.stderr).toBe(0);
    await until(async () => {
      const status = await json(['status', subject, '--no-stream']);
      return JSON.stringify(status).includes('exited');
    }, 'exited');
    const { items } = await (await system.sdk()).query({ subject, intent: 'run_state.exited' });
    expect(items.at(-1)?.payload).toMatchObject({ why: 'stopped', exit_code: 0 });
  });
});

describe('a deploy', () => {
  const subject = 'urn:minicontainer:voulezvous/web';

  it('without a proof is answered 428, and with one it passes right away', async () => {
    const sdk = await system.sdk();
    const state = await sdk.state(subject);
    const ref = String(state?.state['ref']);
    await expect(sdk.deploy.apply(subject, ref, { provider, service: 'web' })).rejects.toMatchObject({
      name: 'ProofRequiredError',
      ack: { code: '428_PROOF_REQUIRED', suggested_reply: expect.stringContaining('deploy.allow') },
    });
    await json(['wallet', 'prove', 'deploy.allow', '--subject', subject, '--ref', ref]);
    const ack = await sdk.deploy.apply(subject, ref, { provider, service: 'web' });
    expect(ack.status).toBe('ok');
    // the one proof is spent
    await expect(sdk.deploy.apply(subject, ref, { provider, service: 'web' })).rejects.toMatchObject({
      name: 'ProofRequiredError',
    });
    await until(async () => (await sdk.state(subject))?.state['run_state'] === 'running', 'running again');
  });

  it('to a target the manifest does not name is forbidden', async () => {
    const sdk = await system.sdk();
    const ref = String((await sdk.state(subject))?.state['ref']);
    await expect(sdk.deploy.apply(subject, ref, { provider: 'railway' })).rejects.toMatchObject({
      name: 'ForbiddenError',
    });
  });
});

describe('round trip', () => {
  it('append → ack → stream → receipt, the same bytes everywhere, and a resend changes nothing', async () => {
    const receipts: Receipt[] = [];
    const sdk = await system.sdk({ onReceipt: (receipt) => void receipts.push(receipt) });
    const subject = `urn:tenant:${env.tenant}`;
    const seen: Span[] = [];
    const stop = sdk.stream({ subject, since: new Date(Date.now() - 1000).toISOString() }, (span) =>
      seen.push(span),
    );
    const payload = {
      token_id: `tok-${Date.now()}`,
      hash: blake3Hash(crypto.getRandomValues(new Uint8Array(32))),
      scopes: ['deploy:*'],
    };
    const signed = await sdk.sign({ intent: 'registry.apikey.create', subject, payload });
    const [first] = await sdk.appendSigned([signed], { idempotencyKey: 'one' });
    const [second] = await sdk.appendSigned([signed], { idempotencyKey: 'one' });
    const [third] = await sdk.appendSigned([signed]);
    expect(first?.status).toBe('ok');
    expect(receipts).toHaveLength(3);
    expect(JSON.stringify(receipts[1])).toBe(JSON.stringify(receipts[0]));
    expect(JSON.stringify(receipts[2])).toBe(JSON.stringify(receipts[0]));
    expect([second, third].map((ack) => ack?.status === 'ok' && ack.replayed)).toEqual([true, true]);
    await until(() => seen.some((span) => span.this === signed.span.this), 'the span on the stream');
    stop();
    expect(await sdk.receipt(signed.span.this)).toEqual(receipts[0]);
    expect((await sdk.span(signed.span.this))?.bytes).toEqual(signed.bytes);
  });

  it('the same key with another payload is a conflict that carries the earlier receipt', async () => {
    const sdk = await system.sdk();
    const subject = `urn:tenant:${env.tenant}`;
    const payload = (id: string) => ({
      token_id: id,
      hash: blake3Hash(crypto.getRandomValues(new Uint8Array(32))),
      scopes: ['deploy:*'],
    });
    const key = `conflict-${Date.now()}`;
    const draft = (id: string) => ({ intent: 'registry.apikey.create', subject, payload: payload(id) });
    await sdk.append(draft(`${key}-a`), { idempotencyKey: key });
    await expect(sdk.append(draft(`${key}-b`), { idempotencyKey: key })).rejects.toMatchObject({
      name: 'IdempotencyConflictError',
      ack: { reason: 'payload_mismatch' },
      receipt: { this: expect.stringMatching(/^urn:span:/) },
    });
  });
});

describe('README', () => {
  it.each(['README.md', 'README.pt-BR.md'])('%s: the quick start works as printed', async (name) => {
    const text = await readFile(join(import.meta.dirname, '..', name), 'utf8');
    const script = /```sh\n(npx logline minicontainer init[\s\S]*?)```/.exec(text)?.[1];
    expect(script).toBeDefined();
    const cwd = join(system.home, name);
    await mkdir(cwd);
    const { engine } = env;
    await ensureHelloImage(engine.socketPath, 'localhost/logline-hello:1');
    const result = await system.shell((script ?? '').replaceAll('docker', engine.kind), cwd);
    expect(result.code, `${result.stdout}\n${result.stderr}`).toBe(0);
    expect(result.stdout).toMatch(/running/);
    expect(result.stdout + result.stderr).not.toContain('s3cret');
  });
});
