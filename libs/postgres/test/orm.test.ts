import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { createOrm, migrateDatabase, query } from '@logline/postgres';
import { startWorld, type World } from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

class First extends Migration {
  override up(): void {
    this.addSql('CREATE TABLE blob (tenant text, hash text, size_bytes bigint, PRIMARY KEY (tenant, hash))');
  }
}
class Second extends Migration {
  override up(): void {
    this.addSql('ALTER TABLE blob ADD COLUMN note text');
  }
}
class Broken extends Migration {
  override up(): void {
    this.addSql('CREATE TABLE half (n int)');
    this.addSql('SELEKT');
  }
}
const Blob = defineEntity({
  name: 'Blob',
  tableName: 'blob',
  properties: {
    tenant: p.string().primary(),
    hash: p.string().primary(),
    sizeBytes: p.bigint(),
    note: p.string().nullable(),
  },
});
const first = { name: '0001-blob', class: First };
const second = { name: '0002-note', class: Second };

let world: World;
beforeAll(async () => {
  world = await startWorld({ name: 'orm' });
});
afterAll(() => world.close());
const options = () => ({ url: world.postgresUrl('gateway'), schema: 'gateway', entities: [Blob] });

describe('migrateDatabase', () => {
  it('runs what has not run yet, once, in the schema of the role', async () => {
    expect(await migrateDatabase({ ...options(), migrations: [first] })).toEqual(['0001-blob']);
    expect(await migrateDatabase({ ...options(), migrations: [first, second] })).toEqual(['0002-note']);
    expect(await migrateDatabase({ ...options(), migrations: [first, second] })).toEqual([]);
    const tables = await query<{ name: string }>(
      world.pool('gateway'),
      `SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE tableowner = 'gateway' ORDER BY 1`,
    );
    expect(tables.map(({ name }) => name)).toEqual(['gateway.blob', 'gateway.migration']);
  });
  it('lets two processes migrate at once', async () => {
    const views = {
      url: world.postgresUrl('views'),
      schema: 'views',
      entities: [],
      migrations: [first, second],
    };
    const ran = await Promise.all([migrateDatabase(views), migrateDatabase(views)]);
    expect(ran.map((names) => names.length).sort()).toEqual([0, 2]);
  });
  it('leaves nothing behind of a migration that fails', async () => {
    const ledger = {
      url: world.postgresUrl('orchestrator'),
      schema: 'orchestrator',
      entities: [],
      migrations: [first, { name: '0003-broken', class: Broken }],
    };
    await expect(migrateDatabase(ledger)).rejects.toMatchObject({ name: 'PostgresError', code: 'FAILED' });
    expect(
      await query(
        world.pool('orchestrator'),
        `SELECT 1 FROM pg_tables WHERE schemaname = 'ledger' AND tablename IN ('half', 'blob')`,
      ),
    ).toEqual([]);
  });
  it('says UNAVAILABLE where no server is', async () => {
    await expect(
      migrateDatabase({ ...options(), url: 'postgres://x:y@127.0.0.1:1/z', migrations: [first] }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('createOrm', () => {
  it('stores and loads entities in the schema of the role', async () => {
    const orm = await createOrm({ ...options(), migrations: [first, second] });
    const em = orm.em.fork();
    em.create(Blob, { tenant: 'acme', hash: 'blake3:x', sizeBytes: 9_007_199_254_740_993n, note: null });
    await em.flush();
    const found = await orm.em.fork().findOneOrFail(Blob, { tenant: 'acme', hash: 'blake3:x' });
    expect(found.sizeBytes).toBe(9_007_199_254_740_993n);
    await orm.close();
  });
});
