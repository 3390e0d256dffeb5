import { formatHex, spanIdFromCause } from '@logline/canon-sign';
import {
  signedSpan,
  startWorld,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
  type World,
} from '@logline/testing';
import { leafHash } from '@logline/tlog';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSnapshot, type LogFault } from '../src/check/check-database.ts';
import { parseEntry } from '../src/domain/entry.ts';
import { migrateLedger } from '../src/migrations/migrate-ledger.ts';
import { RawConnection } from '../src/storage/raw-connection.ts';
import { type AppendBench, benchEnvelope, openAppendBench } from './append-bench.ts';
import { formatRequests, type Judged } from './fake-gate.ts';
import { stopSpanOf } from './traffic.ts';

/** What is done to the stored log, and what fsck must then say. */
type Mutant = readonly [what: string, sql: string, index: number, column: RegExp | string];

const LOG = 1;
const OTHER = 2;
/** Entries of each commit after the birth; the second of the first one is a verdict. */
const COMMITS = [2, 1, 300, 40, 220, 1, 3];
const SIZE = 568;

let world: World;
let client: pg.Client;

beforeAll(async () => {
  world = await startWorld({ name: 'fsck-mutants' });
  await migrateLedger({
    ownerUrl: world.postgresUrl('ledger_owner'),
    serviceUrl: world.postgresUrl('ledger'),
  });
  const bench = await openAppendBench({
    postgresUrl: world.postgresUrl('ledger'),
    signer: testKey('log').signer,
    origin: TEST_ORIGIN,
  });
  await fill(bench, 'acme', COMMITS);
  await fill(bench, 'umbra', [3, 260]);
  await bench.close();
  const admin = new URL(world.postgres.adminUrl);
  admin.pathname = new URL(world.postgresUrl('ledger')).pathname;
  client = new pg.Client({ connectionString: admin.href });
  await client.connect();
  // nothing that PostgreSQL would refuse stands in the way of damage
  await client.query('SET search_path = ledger; SET session_replication_role = replica');
});

afterAll(async () => {
  await client?.end();
  await world?.close();
});

async function fill(bench: AppendBench, tenant: string, commits: readonly number[]): Promise<void> {
  const birth = { bytes: tenantCreatedSpan({ tenant }).bytes, reads: {}, writes: ['tenant'] };
  await bench.append(benchEnvelope(tenant, [birth], 'operator'));
  let nth = 0;
  for (const [at, count] of commits.entries()) {
    const cause = stopSpanOf(tenant, ++nth);
    if (at === 0)
      await bench.append(formatRequests([{ tenant, spans: [withVerdict(cause, tenant)] }], ['inbox']));
    else {
      const spans = Array.from({ length: count }, () => ({
        bytes: stopSpanOf(tenant, ++nth).bytes,
        reads: {},
        writes: [`lease:${nth % 7}`],
      }));
      for (let from = 0; from < count; from += 128)
        await bench.append(benchEnvelope(tenant, spans.slice(from, from + 128)));
    }
  }
}

function withVerdict(cause: Judged['cause'], tenant: string): Judged {
  const verdict = signedSpan({
    intent: 'wallet.proof.verified',
    subject: cause.span.subject,
    payload: { cause: cause.span.this, proof: 'p1', decision: 'allow', reasons: [], tenant },
    key: testKey('wallet-verifier'),
    id: spanIdFromCause(
      Date.parse(cause.span.ts),
      cause.span.this,
      'wallet-verifier',
      'wallet.proof.verified',
    ),
  });
  return { cause, verdict, writes: ['proof:p1'] };
}

/** Does it, checks what is stored then, and undoes it. */
async function faultsAfter(sql: string, { thorough = false } = {}): Promise<readonly LogFault[]> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    const connection = new RawConnection(client);
    const { faults } = await checkSnapshot(
      {
        origin: TEST_ORIGIN,
        publicKeys: [testKey('log').signer.publicKey],
        thorough,
        progress: () => undefined,
      },
      connection,
      connection,
    );
    return faults;
  } finally {
    await client.query('ROLLBACK');
  }
}

const flip = (table: string, column: string, at: number, where: string): string =>
  `UPDATE ${table} SET ${column} = set_byte(${column}, ${at}, get_byte(${column}, ${at}) # 1) WHERE log_id = ${LOG} AND ${where}`;
const entry = (column: string, at: number, index: number): string =>
  flip('entry', column, at, `idx = ${index}`);

/** Sizes after each commit: 1, 3, 4, then 128 + 128 + 44, 40, 128 + 92, 1, 3. */
const sizes = [1, 3, 4, 132, 260, 304, 344, 472, 564, 565, 568];
/** Drops the guards that a damaged disk does not ask either. */
const UNGUARDED = `
ALTER TABLE entry DROP CONSTRAINT entry_pkey, DROP CONSTRAINT entry_log_id_this_key;
ALTER TABLE tile DROP CONSTRAINT tile_pkey;
ALTER TABLE checkpoint DROP CONSTRAINT checkpoint_pkey;`;
const swap = (one: number, other: number): string =>
  `${UNGUARDED} UPDATE entry SET idx = ${one} + ${other} - idx WHERE log_id = ${LOG} AND idx IN (${one}, ${other})`;
const note = (size: number, from: string, to: string): string =>
  `UPDATE checkpoint SET note = replace(note, ${pg.escapeLiteral(from)}, ${pg.escapeLiteral(to)}) WHERE log_id = ${LOG} AND size = ${size}`;

const MUTANTS: readonly Mutant[] = [
  ['a byte of an entry', entry('bytes', 200, 100), 100, 'entry.bytes'],
  ['the first byte of the first entry', entry('bytes', 0, 0), 0, 'entry.bytes'],
  ['a byte of the last entry', entry('bytes', 50, SIZE - 1), SIZE - 1, 'entry.bytes'],
  [
    'a byte too much',
    `UPDATE entry SET bytes = bytes || '\\x20' WHERE log_id = 1 AND idx = 9`,
    9,
    'entry.bytes',
  ],
  ['a hash', entry('hash', 31, 300), 300, 'entry.hash'],
  ['a leaf hash', entry('leaf', 0, 255), 255, 'entry.leaf'],
  [
    'an id',
    `UPDATE entry SET this = overlay(this::text PLACING translate(right(this::text, 1), '0123456789abcdef', '123456789abcdef0') FROM 36)::uuid WHERE log_id = 1 AND idx = 17`,
    17,
    'entry.this',
  ],
  ['a receipt signature, R', entry('receipt_signature', 0, 131), 131, /receipt_signature/],
  ['a receipt signature, S', entry('receipt_signature', 40, 3), 3, /receipt_signature/],
  ['a trace', entry('trace', 15, 471), 471, /entry.trace/],
  [
    'a trace that is another one’s',
    `UPDATE entry SET trace = (SELECT trace FROM entry WHERE log_id = 1 AND idx = 5) WHERE log_id = 1 AND idx = 7 + 300`,
    307,
    /entry.trace/,
  ],
  [
    'the log time of one entry',
    'UPDATE entry SET ts_ms = ts_ms + 1 WHERE log_id = 1 AND idx = 259',
    259,
    /ts_ms/,
  ],
  [
    'the log time of a commit',
    'UPDATE entry SET ts_ms = ts_ms + 256 WHERE log_id = 1 AND idx = 3',
    3,
    /ts_ms/,
  ],
  [
    'a log time that is none',
    'UPDATE entry SET ts_ms = ts_ms + (1::bigint << 60) WHERE log_id = 1 AND idx = 20',
    20,
    'entry.ts_ms',
  ],
  [
    'a cause that is lost',
    'UPDATE entry SET verdict_of = NULL WHERE log_id = 1 AND idx = 2',
    2,
    /verdict_of/,
  ],
  [
    'a cause of its own',
    'UPDATE entry SET verdict_of = idx - 1 WHERE log_id = 1 AND idx = 60',
    60,
    /verdict_of/,
  ],
  ['a cause far away', 'UPDATE entry SET verdict_of = 0 WHERE log_id = 1 AND idx = 2', 2, 'entry.verdict_of'],
  [
    'an index',
    `${UNGUARDED} UPDATE entry SET idx = idx + 1024 WHERE log_id = 1 AND idx = 30`,
    30,
    'entry.idx',
  ],
  [
    'the log of an entry',
    `${UNGUARDED} UPDATE entry SET log_id = 2 WHERE log_id = 1 AND idx = 31`,
    31,
    'entry.idx',
  ],

  ['a deleted entry', 'DELETE FROM entry WHERE log_id = 1 AND idx = 200', 200, 'entry.idx'],
  ['a deleted birth', 'DELETE FROM entry WHERE log_id = 1 AND idx = 0', 0, 'entry.idx'],
  ['a truncated tail', 'DELETE FROM entry WHERE log_id = 1 AND idx >= 500', 500, 'entry.idx'],
  [
    'an entry twice',
    `${UNGUARDED} INSERT INTO entry SELECT * FROM entry WHERE log_id = 1 AND idx = 77`,
    77,
    'entry.this',
  ],
  [
    'an entry behind the end',
    `${UNGUARDED} INSERT INTO entry SELECT 568, verdict_of, ts_ms, log_id, this, hash, leaf, receipt_signature, trace, bytes FROM entry WHERE log_id = 1 AND idx = 77`,
    568,
    /entry.this|log.size/,
  ],
  ['two entries in each other’s place', swap(40, 90), 40, /entry/],
  ['two entries of two commits', swap(100, 300), 100, /entry/],

  ['a hash of a tile', flip('tile', 'hashes', 32 * 19 + 3, 'level = 0 AND n = 1'), 256 + 19, 'tile.hashes'],
  ['the hash of a tile', flip('tile', 'hash', 5, 'level = 0 AND n = 1'), 256, 'tile.hash'],
  ['the place of a tile', `UPDATE tile SET n = 7 WHERE log_id = 1 AND n = 1`, 256, 'tile.hashes'],
  ['the level of a tile', `UPDATE tile SET level = 1 WHERE log_id = 1 AND n = 0`, 0, 'tile.hashes'],
  ['a deleted tile', 'DELETE FROM tile WHERE log_id = 1 AND n = 0', 0, 'tile.hashes'],
  [
    'a tile that is not full yet',
    'INSERT INTO tile SELECT 2, log_id, level, hash, hashes FROM tile WHERE log_id = 1 AND n = 1',
    512,
    /tile/,
  ],

  [
    'the origin in a checkpoint',
    note(132, 'logline.test/acme\n132', 'logline.test/acne\n132'),
    131,
    'checkpoint.note',
  ],
  ['the size in a checkpoint', note(132, '\n132\n', '\n133\n'), 131, 'checkpoint.note'],
  [
    'the signature of a checkpoint',
    `UPDATE checkpoint SET note = overlay(note PLACING 'AAAA' FROM length(note) - 20) WHERE log_id = 1 AND size = 344`,
    343,
    'checkpoint.note',
  ],
  [
    'the root in the last checkpoint',
    `UPDATE checkpoint SET note = overlay(note PLACING 'AAAA' FROM length('logline.test/acme') + 10) WHERE log_id = 1 AND size = 568`,
    567,
    'checkpoint.note',
  ],
  [
    'the size of a checkpoint',
    'UPDATE checkpoint SET size = 340 WHERE log_id = 1 AND size = 344',
    339,
    /checkpoint/,
  ],
  ['a deleted checkpoint', 'DELETE FROM checkpoint WHERE log_id = 1 AND size = 304', 303, 'checkpoint.size'],
  [
    'the last checkpoint deleted',
    'DELETE FROM checkpoint WHERE log_id = 1 AND size = 568',
    565,
    'checkpoint.size',
  ],
  [
    'a checkpoint of another log',
    `UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE log_id = 2 AND size = 3) WHERE log_id = 1 AND size = 3`,
    2,
    'checkpoint.note',
  ],
  ['a link', flip('checkpoint', 'chain', 30, 'size = 472'), 471, 'checkpoint.chain'],
  [
    'the signature of a link',
    flip('checkpoint', 'chain_signature', 7, 'size = 472'),
    471,
    'checkpoint.chain_signature',
  ],
  [
    'the signature of the last link',
    flip('checkpoint', 'chain_signature', 63, 'size = 568'),
    567,
    'checkpoint.chain_signature',
  ],
  ['a mark', flip('checkpoint', 'marks', 4 * 11 + 2, 'size = 260'), 132 + 11, 'checkpoint.marks'],
  [
    'a link that is lost',
    'UPDATE checkpoint SET chain = NULL, chain_signature = NULL, marks = NULL WHERE log_id = 1 AND size = 472',
    471,
    'checkpoint.chain',
  ],

  ['the root of the log', flip('log', 'root', 0, 'true'), SIZE - 1, 'log.root'],
  ['the edge of the log', flip('log', 'edge', 40, 'true'), SIZE - 1, 'log.edge'],
  ['the time of the log', 'UPDATE log SET ts_ms = ts_ms - 1 WHERE log_id = 1', SIZE - 1, 'log.ts_ms'],
  ['a log that is too small', 'UPDATE log SET size = 565 WHERE log_id = 1', 564, 'log.root'],
  ['a log that is too large', 'UPDATE log SET size = 600 WHERE log_id = 1', SIZE, 'entry.idx'],
  ['the name of a log', `UPDATE log SET tenant = 'acne' WHERE log_id = 1`, 0, /log.tenant/],
  ['the origin of a log', `UPDATE log SET origin = 'logline.test/acne' WHERE log_id = 1`, 0, /log.origin/],
  ['the id of a log', 'UPDATE log SET log_id = 9 WHERE log_id = 1', 0, /entry.idx|log.log_id/],
  ['a log that is lost', 'DELETE FROM log WHERE log_id = 1', 0, /log.log_id/],

  [
    'a head',
    `UPDATE head SET this = (SELECT this FROM entry WHERE log_id = 1 AND idx = 50) WHERE log_id = 1`,
    SIZE - 1,
    'head.this',
  ],
  [
    'the subject of a head',
    `UPDATE head SET subject = subject || 'x' WHERE log_id = 1`,
    SIZE - 1,
    'head.subject',
  ],
  ['a deleted head', 'DELETE FROM head WHERE log_id = 1', SIZE - 1, 'head.subject'],
  [
    'a write by an entry that is not there',
    `UPDATE key_write SET idx = idx + 4096 WHERE log_id = 1 AND key = 'proof:p1'`,
    SIZE - 1,
    'key_write.idx',
  ],
  [
    'an idempotency key of an entry that is not there',
    'UPDATE idempotency SET idx = 568 WHERE log_id = 1 AND idx = 304',
    SIZE - 1,
    'idempotency.idx',
  ],
  [
    'a nonce of an entry that is older',
    'UPDATE nonce SET ts_ms = ts_ms + 1000000 WHERE log_id = 1 AND idx = 304',
    304,
    'nonce.ts_ms',
  ],
];

describe('fsck', () => {
  it('finds nothing wrong with what the ledger has written', async () => {
    expect(await faultsAfter('SELECT 1')).toEqual([]);
    expect(await faultsAfter('SELECT 1', { thorough: true })).toEqual([]);
  });

  it('knows the sizes that this test believes in', async () => {
    const { rows } = await client.query('SELECT size FROM checkpoint WHERE log_id = 1 ORDER BY size');
    expect(rows.map(({ size }) => Number(size))).toEqual(sizes);
  });

  it.each(MUTANTS)('names %s', async (_, sql, index, column) => {
    const faults = await faultsAfter(sql);
    const own = faults.find(({ log }) => log === 'acme') ?? faults[0];
    expect(own).toMatchObject({
      index,
      column: typeof column === 'string' ? column : expect.stringMatching(column),
    });
  });

  it('names any byte of any column, wherever it is flipped', async () => {
    const columns = ['hash', 'leaf', 'receipt_signature', 'trace', 'bytes'];
    let state = 20_261_124;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    for (let nth = 0; nth < 60; nth++) {
      const [index, column] = [random(SIZE), columns[random(columns.length)] ?? ''];
      const { rows } = await client.query(
        `SELECT length(${column}) AS length FROM entry WHERE log_id = ${LOG} AND idx = ${index}`,
      );
      const at = random(Number(rows[0].length));
      const faults = await faultsAfter(entry(column, at, index));
      expect(faults, `byte ${at} of ${column} of ${index}`).toMatchObject([{ log: 'acme', index }]);
    }
  });

  it('names an entry that was replaced with all that follows from it', async () => {
    const { bytes } = stopSpanOf('acme', 9_999);
    const forged = parseEntry(bytes, 'acme');
    const hex = (of: Uint8Array): string => `'\\x${formatHex(of)}'`;
    for (const index of [3, 150, 400, SIZE - 1]) {
      const faults = await faultsAfter(
        `UPDATE entry SET bytes = ${hex(bytes)}, hash = '\\x${forged.hash.slice('blake3:'.length)}', leaf = ${hex(leafHash(bytes))}, this = '${forged.this.slice('urn:span:'.length)}'
          WHERE log_id = ${LOG} AND idx = ${index}`,
      );
      expect(faults).toMatchObject([{ log: 'acme', index, column: 'entry' }]);
    }
  });

  it('goes on with other logs, and names the first of each', async () => {
    const faults = await faultsAfter(
      `${entry('bytes', 9, 500)}; ${entry('trace', 9, 400)}; UPDATE entry SET leaf = set_byte(leaf, 0, get_byte(leaf, 0) # 8) WHERE log_id = ${OTHER} AND idx = 200`,
    );
    expect(faults).toMatchObject([
      { log: 'acme', index: 400 },
      { log: 'umbra', index: 200, column: 'entry.leaf' },
    ]);
  });

  it('of a log older than the chain verifies every receipt and every checkpoint', async () => {
    const unchained =
      'UPDATE checkpoint SET chain = NULL, chain_signature = NULL, marks = NULL WHERE log_id = 1;';
    expect(await faultsAfter(unchained)).toEqual([]);
    for (const [sql, index, column] of [
      [entry('receipt_signature', 3, 222), 222, /receipt_signature/],
      ['UPDATE entry SET ts_ms = ts_ms + 1 WHERE log_id = 1 AND idx = 3', 3, /ts_ms/],
      [note(344, 'acme\n344', 'acne\n344'), 343, /checkpoint.note/],
      [swap(40, 90), 40, /receipt_signature/],
    ] as const)
      expect(await faultsAfter(unchained + sql)).toMatchObject([
        { log: 'acme', index, column: expect.stringMatching(column) },
      ]);
  });
});
