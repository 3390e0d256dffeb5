import { readdir, rename, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseHex, publicKeyFromSeed, signObjectSync, signerFromSeed } from '@logline/canon-sign';
import type { AckOk, Receipt } from '@logline/contracts';
import { LogLineSDK, RotationInvalidError, type LogLineConfig } from '@logline/sdk';
import {
  formatVkey,
  parseNote,
  parseProof,
  parseSuccession,
  parseVkey,
  verifyReceiptInTime,
  type LoggedRotation,
} from '@logline/tlog';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalSystem, until, type Env } from './local-system.ts';

/** docs/log-key-rotation.md, step by step, against the whole system; and those who pinned the first key, or only the next, all along. */

const OVERLAP_MS = 15_000;
const SEED = 'c4'.repeat(32);

let system: LocalSystem;
let env: Env;
let secret: (name: string) => string;
let [first, second] = ['', ''];
let fromMs = 0;
/** What a program keeps beside its pin. */
let kept: readonly LoggedRotation[] = [];
/** One client for the whole of it, as a program that runs for months. */
let program: LogLineSDK;
/** Everything the program was ever acknowledged, as it was sent. */
const acknowledged: { readonly receipt: Receipt; readonly spanBytes: Uint8Array }[] = [];

const keep: Partial<LogLineConfig> = {
  onRotations: (rotations) => void (kept = rotations),
  onReceipt: (receipt, spanBytes) => void acknowledged.push({ receipt, spanBytes }),
};
const closed = (tenant: string) => ({
  intent: 'registry.log.publish',
  subject: `urn:tenant:${tenant}`,
  payload: { public: false },
});

/** The program says something; gives its receipt, which it has verified. */
async function append(sdk = program): Promise<Receipt> {
  const [ack] = (await sdk.append(closed(env.tenant))) as [AckOk];
  expect(ack.status).toBe('ok');
  return ack.receipt;
}

const signersOf = ({ merkle }: Receipt): readonly string[] =>
  parseNote(parseProof(merkle).checkpoint).signatures.map(({ keyId }) => keyId);
const idOf = (vkey: string): string => parseVkey(vkey).keyId;

/** A person with this installation's wallet, who remembers things in a folder of their own. */
const person = (name: string) => ({ env: { LOGLINE_STATE_DIR: join(system.home, 'people', name) } });
const apply = (name: string) => system.loglineJson(['minicontainer', 'apply', 'manifest.json'], person(name));
async function keptBy(name: string): Promise<readonly string[]> {
  const dir = join(person(name).env.LOGLINE_STATE_DIR, 'receipts', env.tenant);
  return (await readdir(dir)).sort().map((file) => join(dir, file));
}

async function restart(): Promise<void> {
  await system.local(['stop']);
  await system.local(['start', '--detach', '--no-job']);
  env = await system.env();
}

beforeAll(async () => {
  system = await LocalSystem.start();
  env = await system.env();
  secret = (name) => join(system.home, '.logline', 'dev', 'secrets', name);
  const { name: origin } = parseVkey(env.logKey);
  first = env.logKey;
  second = formatVkey(origin, publicKeyFromSeed(parseHex(SEED, 32)));
  program = await system.sdk(keep);
  await system.loglineJson(['minicontainer', 'init', '--name', 'web', '--image', 'x'], person('steady'));
});
afterAll(async () => {
  await system?.close();
});

describe('a log key that gives way to another', () => {
  it('changes nothing for anybody when the ledger gets the second key', async () => {
    await append();
    expect(await apply('steady')).toMatchObject({ receipt_verified: true });
    expect(await apply('away')).toMatchObject({ receipt_verified: true });
    await writeFile(secret('next-log.key.json'), JSON.stringify({ kid: 'log-2', seed: SEED }), {
      mode: 0o600,
    });
    await restart();
    expect(signersOf(await append())).toEqual([idOf(first), idOf(second)]);
    expect(await apply('steady')).toMatchObject({ receipt_verified: true });
    expect(kept).toEqual([]);
  });

  it('is rotated by the operator, who sees which tenants are left', async () => {
    const left = await system.logline(['ledger', 'log-keys', '--new-key-file', secret('next-log.key.json')]);
    expect([left.code, left.stdout]).toEqual([3, expect.stringContaining(env.tenant)]);
    fromMs = Date.now() + OVERLAP_MS;
    const rotated = await system.loglineJson([
      'tenant',
      'rotate-log-key',
      env.tenant,
      '--new-key-file',
      secret('next-log.key.json'),
      '--from',
      new Date(fromMs).toISOString(),
    ]);
    expect(rotated).toMatchObject({ status: 'ok', previous: first, log_key: second });
    const none = await system.logline(['ledger', 'log-keys', '--new-key-file', secret('next-log.key.json')]);
    expect([none.code, none.stdout]).toEqual([0, expect.stringContaining('being led to it')]);
    const again = await system.logline([
      'tenant',
      'rotate-log-key',
      env.tenant,
      '--new-key-file',
      secret('next-log.key.json'),
      '--from',
      '2099-01-01T00:00:00Z',
      '--json',
    ]);
    expect(again.code).not.toBe(0);
    expect(JSON.parse(again.stderr)).toMatchObject({
      errors: expect.arrayContaining([expect.objectContaining({ pointer: '/payload/log_key' })]),
    });
  });

  it('is heard of in the overlap by whoever is there', async () => {
    const other = await system.sdk(keep);
    await append(other);
    expect(kept).toHaveLength(1);
    kept = [];
    await apply('steady');
    const { keys } = await system.loglineJson(['log', 'keys'], person('steady'));
    expect(keys).toEqual([
      { log_key: first, from: null },
      { log_key: second, from: new Date(fromMs).toISOString() },
    ]);
  });

  it('takes over at its log time, and both the program and the command go on', async () => {
    await until(async () => Date.parse((await append()).ts) >= fromMs, 'log time has come to the new key');
    expect(kept).toHaveLength(1);
    expect(await apply('steady')).toMatchObject({ receipt_verified: true });
    const late = acknowledged.at(-1);
    if (late === undefined) throw new Error('nothing was acknowledged');
    expect(() => verifyReceiptInTime(late, parseSuccession({ log_key: first, rotations: [] }).keys)).toThrow(
      'not signed by the key of its log',
    );
  });

  it('goes when the old key is taken away; who was away all the time finds the way too', async () => {
    await rename(secret('next-log.key.json'), secret('log.key.json'));
    await restart();
    expect(env.logKey).toBe(first);
    expect(signersOf(await append())).toEqual([idOf(second)]);
    expect(await apply('steady')).toMatchObject({ receipt_verified: true });
    // this one has never heard of it: neither an overlap nor a file
    expect(await apply('away')).toMatchObject({ receipt_verified: true });
    for (const command of [
      ['doctor'],
      ['log', 'tail', '-n', '2'],
      ['log', 'prove', '0'],
      ['log', 'checkpoint'],
      ['log', 'fsck'],
      ['runner', 'list'],
    ])
      expect([command, await system.logline(command, person(command.join('-')))]).toMatchObject([
        command,
        { code: 0 },
      ]);
  });
});

describe('the ledger with the new key alone', () => {
  it('finds nothing wrong, and writes a backup that verifies by the pinned key', async () => {
    expect(await system.loglineJson(['ledger', 'fsck'])).toMatchObject({ ok: true });
    expect(await system.loglineJson(['ledger', 'fsck', '--thorough'])).toMatchObject({ ok: true });
    const backup = join(system.home, 'backup');
    expect(await system.loglineJson(['ledger', 'export', backup])).toMatchObject({ ok: true });
    const reader = { env: { ...person('reader').env, LOGLINE_BASE_URL: 'http://127.0.0.1:9' } };
    expect(
      await system.loglineJson(['log', 'fsck', join(backup, env.tenant), '--vkey', first], reader),
    ).toMatchObject({ ok: true });
  });
});

describe('every receipt of before and after', () => {
  it('verifies offline by the pinned key and the kept rotation, with the command', async () => {
    const nowhere = {
      env: { ...person('steady').env, LOGLINE_BASE_URL: 'http://127.0.0.1:9', LOGLINE_LOG_KEY: first },
    };
    const keys = new Set<unknown>();
    for (const file of await keptBy('steady'))
      keys.add((await system.loglineJson(['receipt', 'verify', file], nowhere))['log_key']);
    expect([...keys]).toEqual([first, second]);
  });

  it('and with nothing but what the program kept', () => {
    const { keys } = parseSuccession(JSON.parse(JSON.stringify({ log_key: first, rotations: kept })));
    expect(acknowledged.length).toBeGreaterThan(4);
    for (const evidence of acknowledged) verifyReceiptInTime(evidence, keys);
  });

  it('and a program that starts again with what it kept asks nobody', async () => {
    const asked: string[] = [];
    const again = await system.sdk({
      knownRotations: kept,
      fetchImpl: (input, init) => {
        asked.push(String(input));
        return fetch(input, init);
      },
    });
    await append(again);
    expect(asked.filter((url) => url.endsWith('/rotations'))).toEqual([]);
  });
});

describe('a new client that was only given the new key', () => {
  it('verifies what it gets', async () => {
    await append(await system.sdk({ logKey: second }));
    const fresh = { env: { ...person('fresh').env, LOGLINE_LOG_KEY: second } };
    const [young = ''] = (await keptBy('steady')).slice(-1);
    expect(await system.loglineJson(['receipt', 'verify', young, '--log-key', second], fresh)).toMatchObject({
      ok: true,
      log_key: second,
    });
    await system.loglineJson(['log', 'get', '0', '--vkey', second], fresh);
  });

  it('is told which key an old receipt needs', async () => {
    const [old = ''] = await keptBy('steady');
    const answer = await system.logline(
      ['receipt', 'verify', old, '--log-key', second, '--json'],
      person('fresh'),
    );
    expect(answer.code).toBe(3);
    expect(answer.stdout).toContain(`+${idOf(first)}+…`);
    const sdk = await system.sdk({ logKey: second });
    const [{ spanBytes }] = acknowledged as [(typeof acknowledged)[number]];
    // the same span again gets its first receipt
    const span = JSON.parse(new TextDecoder().decode(spanBytes));
    await expect(sdk.appendSigned([{ span, bytes: spanBytes }])).rejects.toMatchObject({
      code: 'RECEIPT_INVALID',
      message: expect.stringContaining(`+${idOf(first)}+…`),
    });
  });
});

describe('a server in the middle', () => {
  const evil = signerFromSeed('evil', new Uint8Array(32).fill(66));
  let server: Server;
  let url: string;
  let change: (body: string) => string | null;
  beforeAll(async () => {
    server = createServer((request, response) => {
      void (async () => {
        const answer = await fetch(`${env.baseUrl}${request.url ?? ''}`, {
          headers: { authorization: `ApiKey ${env.apiKey}`, 'x-tenant-id': env.tenant },
        });
        const bytes = Buffer.from(await answer.arrayBuffer());
        const isAsked = request.url?.endsWith('/rotations') === true;
        const changed = isAsked ? change(bytes.toString()) : bytes;
        response.writeHead(changed === null ? 404 : answer.status).end(changed);
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/log/${env.tenant}`; // it listens on TCP
  });
  afterAll(() => server?.close());

  type Told = {
    readonly rotations: readonly [{ readonly span: Record<string, unknown>; readonly receipt: Receipt }];
  };
  /** The true rotation, with another key in the place of the new one; that key agrees, and signs the receipt. */
  const forge = (body: string): string => {
    const { rotations } = JSON.parse(body) as Told; // the gateway's own answer
    const [{ span, receipt }] = rotations;
    const { possession: _, ...said } = span['payload'] as Record<string, unknown>; // of a rotation
    const log_key = formatVkey(receipt.log, evil.publicKey);
    const forged = { ...span, payload: signObjectSync('possession', { ...said, log_key }, evil) };
    return JSON.stringify({
      rotations: [{ span: forged, receipt: signObjectSync('receipt', receipt, evil) }],
    });
  };
  const later = (body: string): string => body.replace(/"from":"[^"]+"/, '"from":"2099-01-01T00:00:00.000Z"');
  const read = (name: string) =>
    system.logline(['log', 'tail', '-n', '1', '--url', url, '--vkey', first, '--json'], person(name));

  it('is read by whoever pinned the first key, where it tells the truth', async () => {
    change = (body) => body;
    expect(await read('honest')).toMatchObject({ code: 0 });
  });

  it.each([
    ['another key in the place of the new one', forge],
    ['another time', later],
    ['nothing that can be read', () => '{"rotations": 7}'],
  ])('is caught with %s', async (name, lie) => {
    change = lie;
    const answer = await read(name);
    expect([answer.code, JSON.parse(answer.stderr)]).toMatchObject([
      3,
      { code: 'ROTATION_INVALID', fix: expect.stringContaining('ask the operator') },
    ]);
    const sdk = await system.sdk({
      fetchImpl: async (input, init) => {
        const response = await fetch(input, init);
        return String(input).endsWith('/rotations') ? new Response(lie(await response.text())) : response;
      },
    });
    await expect(append(sdk)).rejects.toThrow(RotationInvalidError);
  });

  it('and with none at all the new key is not trusted either', async () => {
    change = () => null;
    const answer = await read('silent');
    expect([answer.code, answer.stderr]).toEqual([3, expect.stringContaining(idOf(second))]);
  });
});
