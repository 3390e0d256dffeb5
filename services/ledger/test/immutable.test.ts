import { migrateDatabase, provision, ROLES } from '@logline/postgres';
import {
  passwordOf,
  startWorld,
  TEST_ORIGIN,
  testKey,
  tenantCreatedSpan,
  type World,
} from '@logline/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LEDGER_MIGRATIONS } from '../src/migrations/ledger-migrations.ts';
import { migrateLedger } from '../src/migrations/migrate-ledger.ts';
import { benchEnvelope, openAppendBench } from './append-bench.ts';
import { seedLog } from './seed-log.ts';

const TABLES = ['entry', 'tile', 'checkpoint'] as const;
const CHANGES = TABLES.flatMap((table) => [
  `UPDATE ${table} SET log_id = log_id`,
  `DELETE FROM ${table}`,
  `TRUNCATE ${table}`,
]);

let world: World;
/** The service's role, and one that may do everything. */
let service: pg.Client;
let admin: pg.Client;

beforeAll(async () => {
  world = await startWorld({ name: 'ledger-immutable' });
  const urls = {
    ownerUrl: world.postgresUrl('ledger_owner'),
    serviceUrl: world.postgresUrl('ledger'),
  };
  await migrateLedger(urls);
  await migrateLedger(urls); // as at every start
  const bench = await openAppendBench({
    postgresUrl: urls.serviceUrl,
    signer: testKey('log').signer,
    origin: TEST_ORIGIN,
  });
  await seedLog(bench, { tenant: 'acme', entries: 300 });
  await bench.close();
  service = new pg.Client({ connectionString: urls.serviceUrl });
  const url = new URL(world.postgres.adminUrl);
  url.pathname = new URL(urls.serviceUrl).pathname;
  admin = new pg.Client({ connectionString: url.href });
  await service.connect();
  await admin.connect();
  await admin.query('SET search_path = ledger');
});

afterAll(async () => {
  await service?.end();
  await admin?.end();
  await world?.close();
});

async function stateOf(client: pg.Client, sql: string): Promise<string> {
  return await client.query(sql).then(
    () => 'done',
    (error: unknown) => (error instanceof pg.DatabaseError ? (error.code ?? '') : String(error)),
  );
}
const FORBIDDEN = '42501';
const ONLY_GROWS = '23001';

describe('what is logged', () => {
  it.each(CHANGES)('is not changed by the service, for it may not: %s', async (sql) => {
    // by the grants alone: nobody stands behind them
    for (const table of TABLES) await admin.query(`ALTER TABLE ${table} DISABLE TRIGGER ALL`);
    try {
      expect(await stateOf(service, sql)).toBe(FORBIDDEN);
    } finally {
      for (const table of TABLES) await admin.query(`ALTER TABLE ${table} ENABLE TRIGGER ALL`);
    }
  });

  it.each(CHANGES)('is not changed by whoever may, either: %s', async (sql) => {
    for (const table of TABLES) await admin.query(`GRANT ALL ON ${table} TO ledger`);
    try {
      expect(await stateOf(service, sql)).toBe(ONLY_GROWS);
      expect(await stateOf(admin, sql)).toBe(ONLY_GROWS);
    } finally {
      await migrateLedger({
        ownerUrl: world.postgresUrl('ledger_owner'),
        serviceUrl: world.postgresUrl('ledger'),
      });
      expect(await stateOf(service, sql)).toBe(FORBIDDEN);
    }
  });

  it.each([
    'GRANT UPDATE ON entry TO ledger',
    'GRANT UPDATE, DELETE ON entry TO PUBLIC',
    'GRANT ledger_owner TO ledger',
    'SET ROLE ledger_owner',
    'SET SESSION AUTHORIZATION ledger_owner',
    'SET session_replication_role = replica',
    'ALTER TABLE entry DISABLE TRIGGER ALL',
    'ALTER TABLE entry DISABLE TRIGGER entry_only_grows',
    'ALTER TABLE entry OWNER TO ledger',
    'ALTER TABLE entry DROP COLUMN trace',
    'ALTER TABLE entry RENAME TO entry_of_old',
    'ALTER TABLE entry INHERIT log',
    'ALTER SCHEMA ledger RENAME TO other',
    'DROP TRIGGER entry_only_grows ON entry',
    'DROP TABLE entry',
    'DROP SCHEMA ledger CASCADE',
    'DROP FUNCTION refuse_change() CASCADE',
    `CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
    'CREATE TABLE entry_too (n int)',
    'CREATE TRIGGER mine BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change()',
    'CREATE RULE mine AS ON INSERT TO entry DO INSTEAD NOTHING',
    'CREATE INDEX mine ON entry (trace)',
    'UPDATE migration SET name = name',
    'INSERT INTO entry SELECT * FROM entry ON CONFLICT (log_id, idx) DO UPDATE SET ts_ms = 0',
    'SELECT 1 FROM entry FOR UPDATE',
  ])('the service has no way around that: %s', async (sql) => {
    const refused = await stateOf(service, sql);
    // some are granted to nobody with a warning only; what counts is what it may do afterwards
    if (!sql.startsWith('GRANT')) expect(refused).not.toBe('done');
    for (const change of CHANGES) expect(await stateOf(service, change)).toBe(FORBIDDEN);
  });

  it('belongs to a role that the service is not, and what else the service may do is what it must', async () => {
    const { rows: owners } = await admin.query(
      `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'ledger'`,
    );
    expect(owners).toEqual([{ tableowner: 'ledger_owner' }]);
    const { rows } = await admin.query(
      `SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type) AS rights
         FROM information_schema.role_table_grants WHERE grantee = 'ledger' AND table_schema = 'ledger' GROUP BY table_name`,
    );
    expect(Object.fromEntries(rows.map(({ table_name, rights }) => [table_name, rights]))).toEqual({
      log: 'INSERT SELECT UPDATE',
      partition: 'INSERT SELECT UPDATE',
      cosignature: 'DELETE INSERT SELECT UPDATE',
      entry: 'INSERT SELECT',
      tile: 'INSERT SELECT',
      checkpoint: 'INSERT SELECT',
      key_write: 'INSERT SELECT UPDATE',
      head: 'INSERT SELECT UPDATE',
      idempotency: 'DELETE INSERT SELECT',
      nonce: 'DELETE INSERT SELECT',
      lease: 'INSERT SELECT UPDATE',
    });
  });

  it('of an older installation, whose service owned its tables, is taken over and goes on growing', async () => {
    const roles = ROLES.map((role) => ({ ...role, password: passwordOf(role.role) }));
    const database = 'logline_test_older_ledger';
    const { role, schema, password } = roles.find((one) => one.role === 'ledger') ?? fail();
    const older = await provision(world.postgres.adminUrl, { database, roles: [{ role, schema, password }] });
    await migrateDatabase({
      url: older['ledger'] ?? '',
      schema,
      entities: [],
      migrations: LEDGER_MIGRATIONS.slice(0, 1),
    });
    const urls = await provision(world.postgres.adminUrl, { database, roles });
    const [ownerUrl = '', serviceUrl = ''] = [urls['ledger_owner'], urls['ledger']];
    await migrateLedger({ ownerUrl, serviceUrl });
    const bench = await openAppendBench({
      postgresUrl: serviceUrl,
      signer: testKey('log').signer,
      origin: TEST_ORIGIN,
    });
    await seedLog(bench, { tenant: 'acme', entries: 300 });
    await bench.close();
    const client = new pg.Client({ connectionString: serviceUrl });
    await client.connect();
    for (const change of [...CHANGES, 'DROP TABLE entry', 'ALTER TABLE entry DISABLE TRIGGER ALL'])
      expect(await stateOf(client, change)).toBe(FORBIDDEN);
    await client.end();
  });

  it('goes on growing', async () => {
    const bench = await openAppendBench({
      postgresUrl: world.postgresUrl('ledger'),
      signer: testKey('log').signer,
      origin: TEST_ORIGIN,
    });
    const birth = { bytes: tenantCreatedSpan({ tenant: 'umbra' }).bytes, reads: {}, writes: ['tenant'] };
    const [ack] = await bench.append(benchEnvelope('umbra', [birth], 'operator'));
    await bench.close();
    expect(Buffer.from(ack ?? []).toString()).toContain('"status":"ok"');
  });
});

function fail(): never {
  throw new Error('no role of the ledger');
}
