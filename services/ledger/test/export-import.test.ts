import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Ack, parseAckReply } from '@logline/contracts';
import { provision, ROLES } from '@logline/postgres';
import { passwordOf, type SignedSpan, startWorld, TEST_ORIGIN, testKey, type World } from '@logline/testing';
import { formatVkey, leafHash, parseBundle, parseVkey, rootOfLeaves, verifyCheckpoint } from '@logline/tlog';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDatabase, type DatabaseReport } from '../src/check/check-database.ts';
import { importFolder, type ImportResult } from '../src/import/import.ts';
import { migrateLedger } from '../src/migrations/migrate-ledger.ts';
import { type AppendBench, openAppendBench } from './append-bench.ts';
import { formatRequests } from './fake-gate.ts';
import { buildLedger, ledgerEnv } from './ledger-process.ts';
import { growLog, seedLog } from './seed-log.ts';
import { stopSpanOf } from './traffic.ts';

const MAINTAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'maintain.js');
const SIZE = 700;

let world: World;
let env: Readonly<Record<string, string>>;
let folder: string;
let exported: ReturnType<typeof run>;
/** Spans that both databases are asked for. */
const asked: SignedSpan[] = [];
/** What the first one answered. */
const answers: Ack[] = [];

beforeAll(async () => {
  buildLedger();
  world = await startWorld({ name: 'ledger-export' });
  env = ledgerEnv(world);
  await migrateLedger({
    ownerUrl: world.postgresUrl('ledger_owner'),
    serviceUrl: world.postgresUrl('ledger'),
  });
  const bench = await openBench(world.postgresUrl('ledger'));
  await seedLog(bench, { tenant: 'acme', entries: SIZE - 3, subjects: 20, perEnvelope: 50 });
  await seedLog(bench, { tenant: 'umbra', entries: 5 });
  for (const nth of [1, 2, 3]) {
    const span = stopSpanOf('acme', nth);
    asked.push(span);
    answers.push(await submit(bench, span));
  }
  await bench.close();
  folder = join(world.dir, 'export');
  exported = run('export', folder);
});

afterAll(async () => await world?.close());

function openBench(postgresUrl: string): Promise<AppendBench> {
  return openAppendBench({ postgresUrl, signer: testKey('log').signer, origin: TEST_ORIGIN });
}

async function submit(bench: AppendBench, span: SignedSpan): Promise<Ack> {
  const replies = await bench.append(
    formatRequests([{ tenant: 'acme', spans: [{ cause: span, writes: ['a'] }] }], ['inbox']),
  );
  const ack = parseAckReply(replies[0] ?? new Uint8Array(0)).acks[0]?.ack;
  if (ack === undefined) throw new Error('no ack');
  return ack;
}

/** The chore as it is run. */
function run(...args: readonly string[]): { code: number; report: unknown; says: string } {
  return runWith({}, ...args);
}

function runWith(
  more: Readonly<Record<string, string>>,
  ...args: readonly string[]
): { code: number; report: unknown; says: string } {
  try {
    const stdout = execFileSync(process.execPath, [MAINTAIN, ...args], {
      env: { ...process.env, ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { code: 0, report: JSON.parse(stdout.toString()), says: '' };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: Buffer; stderr: Buffer }; // of execFileSync
    const text = stdout.toString();
    return { code: status, report: text === '' ? undefined : JSON.parse(text), says: stderr.toString() };
  }
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

function importInto(postgresUrl: string, from: string): Promise<ImportResult> {
  return importFolder({
    folder: from,
    postgresUrl,
    origin: TEST_ORIGIN,
    publicKeys: [testKey('log').signer.publicKey],
  });
}

function check(postgresUrl: string): Promise<DatabaseReport> {
  return checkDatabase({
    postgresUrl,
    origin: TEST_ORIGIN,
    publicKeys: [testKey('log').signer.publicKey],
    threads: 0,
    thorough: true,
    progress: () => undefined,
  });
}

async function filesBelow(path: string): Promise<readonly string[]> {
  return (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted();
}

describe('an export', () => {
  it('is a log of C2SP files that verifies with no server', async () => {
    expect(exported).toMatchObject({ code: 0, report: { ok: true, logs: 2, entries: SIZE + 5 } });
    const own = join(folder, 'acme');
    const origin = `${TEST_ORIGIN}/acme`;
    const vkeys = [parseVkey(formatVkey(origin, testKey('log').signer.publicKey))];
    const { size, root } = verifyCheckpoint(await readFile(join(own, 'checkpoint'), 'utf8'), {
      origin,
      vkeys,
    });
    expect(size).toBe(BigInt(SIZE));
    const leaves: Uint8Array[] = [];
    for (const [name, width] of [
      ['000', 256],
      ['001', 256],
      ['002.p/188', 188],
    ] as const) {
      const bodies = parseBundle(await readFile(join(own, 'tile/entries', name)), width).map(leafHash);
      expect(await readFile(join(own, 'tile/0', name))).toEqual(Buffer.concat(bodies));
      leaves.push(...bodies);
    }
    expect(Buffer.from(rootOfLeaves(leaves))).toEqual(Buffer.from(root));
    expect((await filesBelow(own)).filter((file) => file.startsWith('tile/1/'))).toEqual(['tile/1/000.p/2']);
  });

  it('goes on where it ended, and leaves alone what is whole', async () => {
    const again = join(world.dir, 'again');
    await cp(folder, again, { recursive: true });
    const kept = join(again, 'acme/logline/commits/001');
    await writeFile(kept, 'left alone');
    await rm(join(again, 'acme/logline/commits/000'));
    await rm(join(again, 'acme/tile/0/001'));
    await rm(join(again, 'acme/checkpoint'));
    expect(run('export', again)).toMatchObject({ code: 0 });
    expect(await readFile(kept, 'utf8')).toBe('left alone');
    await cp(join(folder, 'acme/logline/commits/001'), kept);
    expect(await filesBelow(again)).toEqual(await filesBelow(folder));
    for (const file of await filesBelow(folder))
      if (!file.includes('standing'))
        expect(await readFile(join(again, file))).toEqual(await readFile(join(folder, file)));
  });

  it('of nothing, or of a tenant that is not there, is refused', async () => {
    expect(run('export')).toMatchObject({ code: 2, says: expect.stringContaining('usage: export') });
    expect(run('export', folder, '--tenant', 'nobody')).toMatchObject({
      code: 2,
      says: expect.stringContaining('no log of nobody'),
    });
    expect(run('exprot', folder)).toMatchObject({ code: 2, says: expect.stringContaining('commands: fsck') });
    expect(run('export', folder, '--everything')).toMatchObject({ code: 2 });
  });
});

describe('an export onto one of another history', () => {
  const LATER = 600;
  /** The log went on here, and this is its export. */
  let lost: string;
  /** This database was put back to where the first export was made, and has gone on by itself. */
  let putBack: (...args: readonly string[]) => ReturnType<typeof run>;
  let fresh: string;

  beforeAll(async () => {
    lost = join(world.dir, 'lost');
    fresh = join(world.dir, 'fresh');
    await cp(folder, lost, { recursive: true });
    const here = await restored('history_lost', (bench) =>
      growLog(bench, { tenant: 'acme', entries: LATER }),
    );
    here('export', lost);
    putBack = await restored('history_put_back', (bench) =>
      growLog(bench, { tenant: 'acme', entries: LATER + 100, perEnvelope: 100 }),
    );
    putBack('export', fresh);
  });

  it('is refused, and leaves it as it is', async () => {
    const before = await contentOf(lost);
    expect(putBack('export', lost)).toMatchObject({
      code: 2,
      says: expect.stringMatching(/lost\/acme\/.*size 1300.*another folder/s),
    });
    expect(await contentOf(lost)).toEqual(before);
  });

  it('is refused also where it is only the time of some commits that differs', async () => {
    const same = [50, 51, 52].map((nth) => stopSpanOf('acme', nth));
    const grow = async (bench: AppendBench): Promise<void> => {
      for (const span of same) await submit(bench, span);
    };
    const one = join(world.dir, 'one-time');
    const other = join(world.dir, 'other-time');
    await cp(folder, one, { recursive: true });
    expect((await restored('time_one', grow))('export', one)).toMatchObject({ code: 0 });
    const again = await restored('time_other', grow);
    expect(again('export', other)).toMatchObject({ code: 0 });
    const checkpoint = (of: string) => readFile(join(of, 'acme/checkpoint'), 'utf8');
    expect(await checkpoint(one)).toBe(await checkpoint(other));
    expect(again('export', one)).toMatchObject({ code: 2, says: expect.stringContaining('another folder') });
  });

  it('replaces what was left where that was not completed', async () => {
    const broken = join(world.dir, 'broken-off');
    await cp(lost, broken, { recursive: true });
    for (const file of ['logline/log.json', 'checkpoint'])
      await cp(join(folder, 'acme', file), join(broken, 'acme', file));
    const kept = join(broken, 'acme/logline/trailers/001');
    await writeFile(kept, 'left alone');
    expect(putBack('export', broken)).toMatchObject({ code: 0 });
    expect(await readFile(kept, 'utf8')).toBe('left alone');
    await cp(join(fresh, 'acme/logline/trailers/001'), kept);
    const ours = await contentOf(broken);
    for (const [file, content] of await contentOf(fresh))
      if (!file.includes('standing')) expect([file, ours.get(file)]).toEqual([file, content]);
    expect(await importInto(await emptyDatabase('broken_off'), broken)).toMatchObject({ faults: [] });
  });

  it('is refused by a database that is behind it', () => {
    expect(run('export', lost)).toMatchObject({ code: 2, says: expect.stringContaining('at size 1300') });
  });

  /** The chores of a database into which the first export was read, and which has grown. */
  async function restored(name: string, grow: (bench: AppendBench) => Promise<void>): Promise<typeof run> {
    const url = await emptyDatabase(name);
    await importInto(url, folder);
    const bench = await openBench(url);
    await grow(bench);
    await bench.close();
    const file = join(world.dir, `${name}.url`);
    await writeFile(file, url, { mode: 0o600 });
    return (...args) => runWith({ LOGLINE_LEDGER_POSTGRES_URL_FILE: file }, ...args);
  }
});

async function contentOf(path: string): Promise<ReadonlyMap<string, string>> {
  const files = await filesBelow(path);
  return new Map(
    await Promise.all(
      files.map(async (file) => [file, (await readFile(join(path, file))).toString('hex')] as const),
    ),
  );
}

describe('an import', () => {
  it('is the same log: green, the same receipts byte for byte, and it goes on', async () => {
    const url = await emptyDatabase('restored');
    expect(await importInto(url, folder)).toEqual({ faults: [], logs: 2, entries: SIZE + 5 });
    expect((await check(url)).faults).toEqual([]);
    const bench = await openBench(url);
    for (const [at, span] of asked.entries()) {
      const again = await submit(bench, span);
      expect(again).toMatchObject({ status: 'ok', replayed: true });
      expect('receipt' in again && again.receipt).toEqual(
        answers[at]?.status === 'ok' && answers[at].receipt,
      );
    }
    expect(await submit(bench, stopSpanOf('acme', 9))).toMatchObject({
      status: 'ok',
      receipt: { index: SIZE },
    });
    await bench.close();
    const report = await check(url);
    expect(report.faults).toEqual([]);
    expect(report.logs.map(({ tenant, size }) => [tenant, size])).toEqual([
      ['acme', SIZE + 1],
      ['umbra', 5],
    ]);
    await expect(importInto(url, folder)).rejects.toMatchObject({ code: 'EXISTS' });
  });

  it('brings back every row, whatever decisions rest on', async () => {
    const url = await emptyDatabase('rows');
    await importInto(url, folder);
    const rowsOf = async (from: string) => {
      const client = new pg.Client({ connectionString: from });
      await client.connect();
      const rows: unknown[] = [];
      for (const table of ['log', 'entry', 'tile', 'checkpoint', 'head', 'key_write', 'idempotency', 'nonce'])
        rows.push((await client.query(`SELECT t::text AS row FROM ${table} t ORDER BY 1`)).rows);
      await client.end();
      return rows;
    };
    expect(await rowsOf(url)).toEqual(await rowsOf(world.postgresUrl('ledger')));
  });

  it('is refused while a ledger leads', async () => {
    const url = await emptyDatabase('led');
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`INSERT INTO lease VALUES ('ledger-0', 7, 'a ledger', 'infinity')`);
    await client.end();
    await expect(importInto(url, folder)).rejects.toMatchObject({ code: 'LEDGER_RUNS' });
  });

  it('of any file with any byte flipped is refused by name, and leaves nothing behind', async () => {
    const url = await emptyDatabase('mutants');
    const damaged = await mkdtemp(join(world.dir, 'damaged-'));
    await cp(folder, damaged, { recursive: true });
    let state = 20_261_124;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    for (const file of (await filesBelow(join(damaged, 'acme'))).filter((one) => !one.includes('standing'))) {
      const path = join(damaged, 'acme', file);
      const good = await readFile(path);
      for (let nth = 0; nth < 4 && good.length > 0; nth++) {
        const bad = Buffer.from(good);
        const at = random(bad.length);
        bad[at] = (bad[at] ?? 0) ^ 1;
        await writeFile(path, bad);
        const outcome = await importInto(url, damaged).catch((error: unknown) => error);
        expect(namedBy(outcome), `byte ${at} of ${file}`).toMatch(/acme/);
      }
      await rm(path);
      expect(namedBy(await importInto(url, damaged).catch((error: unknown) => error)), `no ${file}`).toMatch(
        file === 'logline/log.json' ? /^$/ : /acme/,
      );
      await clear(url);
      await writeFile(path, good);
    }
    expect((await importInto(url, damaged)).faults).toEqual([]);
  });

  it('of an entry that was changed names its index', async () => {
    const url = await emptyDatabase('index');
    const damaged = await mkdtemp(join(world.dir, 'index-'));
    await cp(folder, damaged, { recursive: true });
    for (const [file, at, index] of [
      ['logline/trailers/001', 96 * 17 + 40, 256 + 17],
      ['logline/trailers/001', 96 * 200 + 20, 256 + 200],
      ['logline/trailers/002.p/188', 96 * 187 + 7, 512 + 187],
    ] as const) {
      const path = join(damaged, 'acme', file);
      const good = await readFile(path);
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 1;
      await writeFile(path, bad);
      expect((await importInto(url, damaged)).faults).toMatchObject([{ log: 'acme', index }]);
      await writeFile(path, good);
    }
    const path = join(damaged, 'acme/tile/entries/001');
    const good = await readFile(path);
    const note = good.indexOf('xxxx', Math.floor(good.length / 2));
    const bad = Buffer.from(good);
    bad[note] = 'y'.charCodeAt(0);
    await writeFile(path, bad);
    const were = parseBundle(good, 256);
    const changed = parseBundle(bad, 256).findIndex(
      (body, at) => Buffer.compare(body, were[at] ?? body) !== 0,
    );
    expect((await importInto(url, damaged)).faults).toMatchObject([{ log: 'acme', index: 256 + changed }]);
  });

  it('says what is wrong with a folder that is none', async () => {
    const url = await emptyDatabase('none');
    await expect(importInto(url, join(world.dir, 'nowhere'))).rejects.toMatchObject({ code: 'BAD_EXPORT' });
    await expect(importInto(url, dirname(folder))).rejects.toMatchObject({ code: 'BAD_EXPORT' });
  });
});

/** The file or the log that is named as wrong; empty when nothing was. */
function namedBy(outcome: unknown): string {
  if (outcome instanceof Error) {
    expect(outcome).toMatchObject({ name: 'LedgerError', code: 'BAD_EXPORT' });
    return outcome.message;
  }
  return (outcome as ImportResult).faults.map(({ log, index }) => `${log} ${index}`).join(' '); // else it resolved
}

/** Of what an import without the log's own file has brought. */
async function clear(url: string): Promise<void> {
  const admin = new URL(world.postgres.adminUrl);
  admin.pathname = new URL(url).pathname;
  const client = new pg.Client({ connectionString: admin.href });
  await client.connect();
  await client.query('SET session_replication_role = replica');
  for (const table of ['log', 'entry', 'tile', 'checkpoint', 'head', 'key_write', 'idempotency', 'nonce'])
    await client.query(`DELETE FROM ledger.${table}`);
  await client.end();
}
