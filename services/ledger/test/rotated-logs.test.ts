import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatHex } from '@logline/canon-sign';
import { parseAckReply } from '@logline/contracts';
import { provision, ROLES } from '@logline/postgres';
import {
  logRotatedSpan,
  passwordOf,
  startWorld,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
  type World,
} from '@logline/testing';
import {
  beginSuccession,
  followRotations,
  formatVkey,
  parseRotations,
  parseVkey,
  verifyCheckpoint,
} from '@logline/tlog';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSnapshot, type LogFault } from '../src/check/check-database.ts';
import { chainMessage } from '../src/domain/commit-chain.ts';
import { importFolder, type ImportResult } from '../src/import/import.ts';
import { migrateLedger } from '../src/migrations/migrate-ledger.ts';
import { RawConnection } from '../src/storage/raw-connection.ts';
import { type AppendBench, openAppendBench } from './append-bench.ts';
import { formatRequests, type Judged } from './fake-gate.ts';
import { buildLedger, ledgerEnv } from './ledger-process.ts';
import { stopSpanOf } from './traffic.ts';

/** Logs whose key was changed as docs/log-key-rotation.md has it, and a ledger that holds only the new one. */

const MAINTAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'maintain.js');
const DAY_MS = 86_400_000;
const START_MS = Date.now() - 20 * DAY_MS;
const dayMs = (day: number): number => START_MS + day * DAY_MS;

let world: World;
let env: Readonly<Record<string, string>>;
let client: pg.Client;
let folder: string;
let nth = 0;

beforeAll(async () => {
  buildLedger();
  world = await startWorld({ name: 'ledger-rotated' });
  env = ledgerEnv(world, {
    LOGLINE_LEDGER_KEY_FILE: world.env('X', 'ledger', { key: 'log-2' })['X_KEY_FILE'] ?? 'no key file',
  });
  await migrateLedger({
    ownerUrl: world.postgresUrl('ledger_owner'),
    serviceUrl: world.postgresUrl('ledger'),
  });
  const rotated = ['quiet', 'active', 'twice'];
  await onDay(1, ['log'], async (bench) => {
    for (const tenant of [...rotated, 'forgotten']) {
      await say(bench, tenant, {
        cause: tenantCreatedSpan({ tenant }),
        role: 'operator',
        writes: ['tenant'],
      });
      for (let count = 0; count < 300; count += 100) await append(bench, tenant, 100);
    }
  });
  await onDay(2, ['log', 'log-2'], async (bench) => {
    for (const tenant of rotated) await rotate(bench, tenant, 'log', 'log-2', dayMs(4));
    await append(bench, 'active', 3);
  });
  await onDay(5, ['log-2'], async (bench) => {
    for (const tenant of ['active', 'twice']) await append(bench, tenant, 3);
  });
  await onDay(6, ['log-2', 'log-3'], (bench) => rotate(bench, 'twice', 'log-2', 'log-3', dayMs(8)));
  await onDay(9, ['log-3'], (bench) => append(bench, 'twice', 2));

  const admin = new URL(world.postgres.adminUrl);
  admin.pathname = new URL(world.postgresUrl('ledger')).pathname;
  client = new pg.Client({ connectionString: admin.href });
  await client.connect();
  // nothing that PostgreSQL would refuse stands in the way of damage
  await client.query('SET search_path = ledger; SET session_replication_role = replica');
  folder = join(world.dir, 'export');
});

afterAll(async () => {
  await client?.end();
  await world?.close();
});

/** With a ledger that holds these keys. */
async function onDay(
  day: number,
  [key = '', other]: readonly string[],
  work: (bench: AppendBench) => Promise<void>,
): Promise<void> {
  const bench = await openAppendBench({
    postgresUrl: world.postgresUrl('ledger'),
    signer: testKey(key).signer,
    ...(other === undefined ? {} : { otherSigner: testKey(other).signer }),
    origin: TEST_ORIGIN,
    clock: () => dayMs(day),
  });
  await work(bench);
  await bench.close();
}

async function say(bench: AppendBench, tenant: string, ...spans: readonly Judged[]): Promise<void> {
  const replies = await bench.append(formatRequests([{ tenant, spans }], ['inbox']));
  const acks = parseAckReply(replies[0] ?? new Uint8Array(0)).acks;
  expect(acks.map(({ ack }) => ack.status)).toEqual(spans.map(() => 'ok'));
}

const append = (bench: AppendBench, tenant: string, count: number): Promise<void> =>
  say(bench, tenant, ...Array.from({ length: count }, () => ({ cause: stopSpanOf(tenant, ++nth) })));

function rotate(bench: AppendBench, tenant: string, from: string, to: string, fromMs: number): Promise<void> {
  const cause = logRotatedSpan({ tenant, previous: testKey(from), next: testKey(to), fromMs });
  return say(bench, tenant, { cause, role: 'operator', writes: ['log-key'] });
}

const publicKeys = (names: readonly string[]): Uint8Array[] =>
  names.map((name) => testKey(name).signer.publicKey);

/** Does it, checks with these keys what is stored then, and undoes it. */
async function faultsWith(
  keys: readonly string[],
  tenants: readonly string[],
  { thorough = false, after = 'SELECT 1' } = {},
): Promise<readonly LogFault[]> {
  await client.query('BEGIN');
  try {
    await client.query(after);
    const sql = new RawConnection(client);
    const options = { origin: TEST_ORIGIN, publicKeys: publicKeys(keys), progress: () => undefined };
    return (await checkSnapshot({ ...options, tenants, thorough }, sql, sql)).faults;
  } finally {
    await client.query('ROLLBACK');
  }
}

/** The chore as it is run, by who holds `log-2`. */
function run(...args: readonly string[]): { code: number; report: unknown; says: string } {
  try {
    const options = { env: { ...process.env, ...env }, stdio: 'pipe' } as const;
    return {
      code: 0,
      report: JSON.parse(execFileSync(process.execPath, [MAINTAIN, ...args], options).toString()),
      says: '',
    };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: Buffer; stderr: Buffer }; // of execFileSync
    const text = stdout.toString();
    return { code: status, report: text === '' ? undefined : JSON.parse(text), says: stderr.toString() };
  }
}

const NOT_SIGNED = { column: 'checkpoint.note', why: expect.stringContaining('--earlier-key') };
const UNCHAINED = 'UPDATE checkpoint SET chain = NULL, chain_signature = NULL, marks = NULL;';

describe('fsck with the new key alone', () => {
  it.each([
    ['by the chain', {}],
    ['signature by signature', { thorough: true }],
    ['of logs older than the chain', { after: UNCHAINED }],
  ])('finds nothing wrong with logs that were led to it, %s', async (_, how) => {
    expect(await faultsWith(['log-2'], ['quiet', 'active'], how)).toEqual([]);
    expect(await faultsWith(['log-3'], ['twice'], how)).toEqual([]);
  });

  it('says of a log that was never led to it what it needs', async () => {
    for (const thorough of [false, true]) {
      expect(await faultsWith(['log-2'], ['forgotten'], { thorough })).toMatchObject([NOT_SIGNED]);
      expect(await faultsWith(['log-2', 'log'], ['forgotten'], { thorough })).toEqual([]);
    }
  });

  it('believes what a log says of its keys only from a key that is trusted', async () => {
    // the first names itself, the second was never heard of
    for (const key of ['log', 'stranger'])
      for (const thorough of [false, true])
        expect(await faultsWith([key], ['active', 'twice'], { thorough })).toMatchObject([
          { log: 'active', ...NOT_SIGNED },
          { log: 'twice', ...NOT_SIGNED },
        ]);
  });

  it('takes the old key for nothing that is of the new one’s time', async () => {
    const { rows } = await client.query(
      `SELECT log_id, c.size, chain FROM checkpoint c JOIN log USING (log_id) WHERE tenant = 'active' AND c.size = log.size`,
    );
    const { log_id, size, chain } = rows[0];
    const message = chainMessage(`${TEST_ORIGIN}/active`, Number(size), chain);
    const forged = formatHex(testKey('log').signer.sign(message));
    for (const thorough of [false, true])
      expect(
        await faultsWith(['log-2'], ['active'], {
          thorough,
          after: `UPDATE checkpoint SET chain_signature = '\\x${forged}' WHERE log_id = ${log_id} AND size = ${size}`,
        }),
      ).toMatchObject([{ index: size - 1, column: 'checkpoint.chain_signature' }]);
  });

  it('names what was changed of the old key’s time as it does of any', async () => {
    const change = (what: string): string =>
      `UPDATE entry SET ${what} WHERE idx = 150 AND log_id = (SELECT log_id FROM log WHERE tenant = 'quiet')`;
    for (const [after, column] of [
      [change('trace = set_byte(trace, 3, get_byte(trace, 3) # 1)'), 'entry.trace, entry.verdict_of'],
      [change('ts_ms = ts_ms + 1'), 'entry.receipt_signature, entry.ts_ms'],
    ] as const)
      expect(await faultsWith(['log-2'], ['quiet'], { after })).toMatchObject([{ index: 150, column }]);
  });
});

describe('a backup with the new key alone', () => {
  it('is of all logs that were led to it, and of another with its earlier key', async () => {
    expect(run('fsck', '--tenant', 'quiet', '--thorough')).toMatchObject({ code: 0 });
    const { code, report } = run('export', folder);
    expect([code, report]).toMatchObject([
      1,
      {
        logs: 2,
        faults: [
          { log: 'twice', ...NOT_SIGNED },
          { log: 'forgotten', ...NOT_SIGNED },
        ],
      },
    ]);
    for (const [tenant, key] of [
      ['forgotten', 'log'],
      ['twice', 'log-3'],
    ] as const)
      expect(run('export', folder, '--tenant', tenant, '--earlier-key', testKey(key).pub)).toMatchObject({
        code: 0,
        report: { ok: true, logs: 1 },
      });
    for (const chore of ['fsck', 'export', 'import'])
      expect(run(chore, ...(chore === 'fsck' ? [] : [folder]), '--earlier-key', 'nonsense')).toMatchObject({
        code: 2,
        says: expect.stringContaining('--earlier-key is a public key'),
      });
  });

  it('is read in again with that key', async () => {
    const url = await emptyDatabase('rotated');
    expect(await importInto(url, 'quiet', ['log-2'])).toMatchObject({ faults: [], logs: 1 });
    expect(await importInto(url, 'active', ['log-2'])).toMatchObject({ faults: [], logs: 1 });
    expect(await importInto(url, 'forgotten', ['log-2'])).toMatchObject({ faults: [NOT_SIGNED] });
    expect(await importInto(url, 'forgotten', ['log-2', 'log'])).toMatchObject({ faults: [] });
  });

  it('leads whoever pinned the first key to the one that signed it', async () => {
    for (const [tenant, newest] of [
      ['quiet', 'log-2'],
      ['active', 'log-2'],
      ['twice', 'log-3'],
    ] as const) {
      const origin = `${TEST_ORIGIN}/${tenant}`;
      const vkey = (name: string) => parseVkey(formatVkey(origin, testKey(name).signer.publicKey));
      const read = (name: string) => readFile(join(folder, tenant, name), 'utf8');
      const found = parseRotations(JSON.parse(await read('rotations')));
      const { keys } = followRotations(beginSuccession(vkey('log')), found);
      expect(keys.at(-1)).toEqual({ vkey: vkey(newest), fromMs: dayMs(newest === 'log-2' ? 4 : 8) });
      verifyCheckpoint(await read('checkpoint'), { origin, vkeys: [vkey(newest)] });
    }
    await expect(readFile(join(folder, 'forgotten', 'rotations'))).rejects.toThrow('ENOENT');
  });

  it('is refused where that was changed, and not where an older export has none of it', async () => {
    const url = await emptyDatabase('rotations');
    const path = join(folder, 'quiet', 'rotations');
    const good = await readFile(path, 'utf8');
    await writeFile(path, good.replace('"index":301', '"index":302'));
    await expect(importInto(url, 'quiet', ['log-2'])).rejects.toMatchObject({
      code: 'BAD_EXPORT',
      message: expect.stringContaining('quiet/rotations'),
    });
    await rm(path);
    expect(await importInto(url, 'quiet', ['log-2'])).toMatchObject({ faults: [] });
    await writeFile(path, good);
  });
});

function importInto(postgresUrl: string, tenant: string, keys: readonly string[]): Promise<ImportResult> {
  return importFolder({ folder, tenant, postgresUrl, origin: TEST_ORIGIN, publicKeys: publicKeys(keys) });
}

/** A database of its own on the same server, migrated and empty. */
async function emptyDatabase(name: string): Promise<string> {
  const urls = await provision(world.postgres.adminUrl, {
    database: `logline_test_${name}`,
    roles: ROLES.map((role) => ({ ...role, password: passwordOf(role.role) })),
  });
  const [ownerUrl = '', serviceUrl = ''] = [urls['ledger_owner'], urls['ledger']];
  await migrateLedger({ ownerUrl, serviceUrl });
  return serviceUrl;
}
