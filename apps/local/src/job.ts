import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalBytes } from '@logline/canon-sign';
import { checkerOf, Receipt, Span } from '@logline/contracts';
import { ensureHelloImage, type EnsuredEngine } from '@logline/engines';
import { LogKeyFollower, LogLineSDK } from '@logline/sdk';
import { beginSuccession, parseProof, parseVkey, verifyReceiptInTime } from '@logline/tlog';
import type { Commands } from './command.ts';
import type { EnvFile } from './env-file.ts';
import type { Layout } from './layout.ts';

export type JobResult = {
  readonly ok: boolean;
  readonly subject: string;
  readonly ref: string;
  readonly run_state: string;
  readonly receipts_verified: number;
};

export type JobOptions = {
  readonly env: EnvFile;
  readonly engine: EnsuredEngine;
  readonly commands: Commands;
  readonly layout: Layout;
  readonly report: (line: string) => void;
};

const NAME = 'hello';
const IMAGE = 'localhost/logline-hello:1';
const SECRET = 'secret_db_url';

/**
 * The main job, once, on the bundled example: seal a secret, sign and apply the manifest, prove, deploy, watch it run, verify every receipt
 * offline. By the same commands that the quick start shows.
 */
export async function runJob({ env, engine, commands, layout, report }: JobOptions): Promise<JobResult> {
  const subject = `urn:minicontainer:${env.tenant}/${NAME}`;
  const step = async (
    what: string,
    args: readonly string[],
    stdin?: string,
  ): Promise<Record<string, unknown>> => {
    report(`${what}: logline ${args.join(' ')}`);
    return commands.run(args, stdin === undefined ? {} : { stdin });
  };
  await ensureHelloImage(engine.socketPath, IMAGE, { cacheDir: layout.cache, report });
  await copyManifest(layout, engine.kind);
  await step(
    'seal a secret',
    ['wallet', 'seal', SECRET, '--manifest', 'manifest.json'],
    'postgres://app:s3cret@db/app',
  );
  await step('grant it to the runner', [
    'wallet',
    'grant',
    SECRET,
    '--aud',
    engine.kind,
    '--env',
    'DB_URL',
    '--name',
    NAME,
    '--manifest',
    'manifest.json',
  ]);
  const applied = await step('sign and apply', ['minicontainer', 'apply', 'manifest.json', '--name', NAME]);
  const ref = String(applied['ref']);
  await step('prove the right to deploy', [
    'wallet',
    'prove',
    'deploy.allow',
    '--subject',
    subject,
    '--ref',
    ref,
  ]);
  const up = await step('deploy', [
    'deploy',
    'up',
    '--ref',
    ref,
    '--target',
    engine.kind,
    '--no-prove',
    '--watch',
  ]);
  const status = await step('what runs', ['status', subject, '--no-stream']);
  const verified = await verifyAll(env, layout, subject);
  report(`verified ${verified} receipts offline, with nothing but the log key`);
  const runState = String(up['run_state']);
  report(`${subject} is ${runState}${portsOf(status)}`);
  return {
    ok: up['ok'] === true && verified > 0,
    subject,
    ref,
    run_state: runState,
    receipts_verified: verified,
  };
}

async function copyManifest(layout: Layout, provider: string): Promise<void> {
  const example = join(layout.root, 'examples', 'hello', 'manifest.json');
  const manifest = join(layout.job, 'manifest.json');
  await copyFile(example, manifest);
  const text = await readFile(manifest, 'utf8');
  await writeFile(
    manifest,
    text
      .replaceAll('"provider": "docker"', `"provider": "${provider}"`)
      .replaceAll('"aud": "docker"', `"aud": "${provider}"`),
  );
}

const evidenceChecker = checkerOf(Receipt);
const spanChecker = checkerOf(Span);

/** Verifies the receipts the commands were given, and those of every fact about the container, from the pinned log key on. @throws TlogError; RotationInvalidError */
async function verifyAll(env: EnvFile, layout: Layout, subject: string): Promise<number> {
  const seen = new Map<string, { receipt: Receipt; spanBytes: Uint8Array }>();
  for (const { receipt, span } of await keptReceipts(join(layout.dev, 'state', 'receipts', env.tenant))) {
    if (evidenceChecker.check(receipt) && spanChecker.check(span))
      seen.set(receipt.this, { receipt, spanBytes: canonicalBytes(span) });
  }
  const sdk = new LogLineSDK({ baseUrl: env.baseUrl, apiKey: env.apiKey ?? '', tenant: env.tenant });
  const { items } = await sdk.query({ subject, limit: 1000 });
  for (const span of items.slice(-20)) {
    const receipt = seen.has(span.this) ? null : await sdk.receipt(span.this);
    if (receipt !== null) seen.set(span.this, { receipt, spanBytes: canonicalBytes(span) });
  }
  const follower = new LogKeyFollower({
    succession: beginSuccession(parseVkey(env.logKey)),
    fetchRotations: () => sdk.logRotations(),
  });
  for (const evidence of seen.values())
    await follower.verify(parseProof(evidence.receipt.merkle).checkpoint, (keys) =>
      verifyReceiptInTime(evidence, keys),
    );
  return seen.size;
}

/** The `{span, receipt}` files that the commands have kept of one tenant; others that were made here have logs of their own. */
async function keptReceipts(dir: string): Promise<readonly { receipt?: unknown; span?: unknown }[]> {
  const names = await readdir(dir, { recursive: true }).catch(() => []);
  const documents = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .map(
        async (name) =>
          JSON.parse(await readFile(join(dir, name), 'utf8').catch(() => '{}')) as {
            receipt?: unknown;
            span?: unknown;
          },
      ), // checked by the caller
  );
  return documents.filter(({ receipt, span }) => receipt !== undefined && span !== undefined);
}

function portsOf(status: Record<string, unknown>): string {
  const state = status['state'] ?? status;
  const ports = typeof state === 'object' && state !== null && 'ports' in state ? state.ports : undefined;
  if (!Array.isArray(ports)) return '';
  const urls = ports.map((port: { host?: unknown }) => `http://127.0.0.1:${String(port.host)}`);
  return urls.length === 0 ? '' : `, at ${urls.join(' ')}`;
}
