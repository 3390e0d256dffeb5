import { inTransaction, openPool, PostgresError, provision, query, ROLES } from '@logline/postgres';
import { passwordOf, startWorld, type World } from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let world: World;
beforeAll(async () => {
  world = await startWorld({ name: 'provision' });
});
afterAll(() => world.close());

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'ok',
    (error: unknown) => (error instanceof PostgresError ? error.code : String(error)),
  );

describe('provision', () => {
  it.each(ROLES.filter(({ uses }) => uses === undefined))(
    'gives $role a schema of its own, in which alone it may make tables',
    async ({ role, schema }) => {
      const pool = world.pool(role);
      expect(await query(pool, 'SHOW search_path')).toEqual([{ search_path: schema }]);
      await query(pool, 'CREATE TABLE mine (n int)');
      expect(
        await query(pool, `SELECT schemaname FROM pg_tables WHERE tablename = 'mine' AND schemaname = $1`, [
          schema,
        ]),
      ).toHaveLength(1);
      expect(await codeOf(query(pool, 'CREATE TABLE public.mine (n int)'))).toBe('FORBIDDEN');
      for (const other of ROLES.filter((one) => one.schema !== schema))
        expect(await codeOf(query(pool, `CREATE TABLE ${other.schema}.intruder (n int)`))).toBe('FORBIDDEN');
    },
  );

  it('gives a role that only uses a schema what its owner grants, and no way to more', async () => {
    const [owner, user] = [world.pool('ledger_owner'), world.pool('ledger')];
    await query(owner, 'CREATE TABLE granted (n int)');
    expect(await codeOf(query(user, 'SELECT n FROM granted'))).toBe('FORBIDDEN');
    await query(owner, 'GRANT SELECT ON granted TO ledger');
    expect(await query(user, 'SELECT n FROM granted')).toEqual([]);
    for (const more of [
      'CREATE TABLE own (n int)',
      'GRANT INSERT ON granted TO ledger',
      'ALTER TABLE granted OWNER TO ledger',
      'DROP TABLE granted',
      'SET ROLE ledger_owner',
      'GRANT ledger_owner TO ledger',
    ]) {
      await query(user, more).catch(() => undefined);
      expect(await codeOf(query(user, 'INSERT INTO granted VALUES (1)')), more).toBe('FORBIDDEN');
    }
  });

  it('takes over what an older installation’s role owned itself', async () => {
    const [owner, user] = [
      { role: 'old_owner', schema: 'old', password: 'o' },
      { role: 'old_user', schema: 'old', password: 'u' },
    ];
    const database = 'logline_test_older';
    const before = await provision(world.postgres.adminUrl, { database, roles: [user] });
    const pool = openPool(before['old_user'] ?? '', { name: 'older' });
    await query(pool, 'CREATE TABLE kept (n int)');
    await provision(world.postgres.adminUrl, { database, roles: [owner, { ...user, uses: true }] });
    expect(await query(pool, `SELECT tableowner FROM pg_tables WHERE tablename = 'kept'`)).toEqual([
      { tableowner: 'old_owner' },
    ]);
    expect(await codeOf(query(pool, 'DROP TABLE kept'))).toBe('FORBIDDEN');
    await pool.end();
  });

  it('lets the gateway read the views, those of today and of tomorrow, and write none', async () => {
    const [views, gateway] = [world.pool('views'), world.pool('gateway')];
    await query(views, 'CREATE TABLE later (n int)');
    await query(views, 'INSERT INTO later VALUES (1)');
    expect(await query(gateway, 'SELECT n FROM views.later')).toEqual([{ n: 1 }]);
    expect(await codeOf(query(gateway, 'INSERT INTO views.later VALUES (2)'))).toBe('FORBIDDEN');
    expect(await codeOf(query(gateway, 'SELECT 1 FROM ledger.mine'))).toBe('FORBIDDEN');
    expect(await codeOf(query(views, 'SELECT 1 FROM gateway.mine'))).toBe('FORBIDDEN');
    expect(await codeOf(query(world.pool('orchestrator'), 'SELECT 1 FROM views.later'))).toBe('FORBIDDEN');
  });

  it('may run again, also twice at once, and sets the passwords it is given', async () => {
    const database = new URL(world.postgresUrl('ledger')).pathname.slice(1);
    const roles = ROLES.map((role) => ({ ...role, password: passwordOf(role.role) }));
    const [urls] = await Promise.all([
      provision(world.postgres.adminUrl, { database, roles }),
      provision(world.postgres.adminUrl, { database, roles }),
    ]);
    expect(urls).toEqual(Object.fromEntries(ROLES.map(({ role }) => [role, world.postgresUrl(role)])));
    const wrong = new URL(world.postgresUrl('ledger'));
    wrong.password = 'wrong';
    const pool = openPool(wrong.toString(), { name: 'wrong' });
    expect(await codeOf(query(pool, 'SELECT 1'))).toBe('FORBIDDEN');
    await pool.end();
  });

  it('takes names and passwords with any characters', async () => {
    const password = `a'b"c\\d %/?#@:é`;
    const roles = [{ role: `odd "role'`, schema: `odd "schema'`, password }];
    const urls = await provision(world.postgres.adminUrl, { database: `logline_test_odd "db'`, roles });
    const pool = openPool(urls[`odd "role'`] ?? '', { name: 'odd' });
    expect(await query(pool, 'SELECT current_schema() AS schema, current_user AS role')).toEqual([
      { schema: `odd "schema'`, role: `odd "role'` },
    ]);
    await pool.end();
  });

  it('says UNAVAILABLE where no server is', async () => {
    expect(
      await codeOf(provision('postgres://postgres:x@127.0.0.1:1/postgres', { database: 'x', roles: [] })),
    ).toBe('UNAVAILABLE');
  });
});

describe('query', () => {
  it.each([
    ['a missing table', 'SELECT * FROM nowhere', 'NOT_MIGRATED'],
    ['a missing column', 'SELECT nothing FROM mine', 'NOT_MIGRATED'],
    ['a number that is none', `SELECT 'x'::int`, 'INVALID_DATA'],
    ['a statement that is none', 'SELEKT', 'FAILED'],
    ['a division by zero', 'SELECT 1 / 0', 'INVALID_DATA'],
  ])('names %s', async (_, sql, code) => {
    expect(await codeOf(query(world.pool('orchestrator'), sql))).toBe(code);
  });
  it('names the constraint that was violated', async () => {
    const pool = world.pool('orchestrator');
    await query(
      pool,
      'CREATE TABLE nonce (tenant text, nonce text, CONSTRAINT one_nonce PRIMARY KEY (tenant, nonce), CONSTRAINT short CHECK (length(nonce) < 9))',
    );
    await query(pool, `INSERT INTO nonce VALUES ('acme', 'a')`);
    await expect(query(pool, `INSERT INTO nonce VALUES ('acme', 'a')`)).rejects.toMatchObject({
      code: 'UNIQUE_VIOLATION',
      constraint: 'one_nonce',
      sqlState: '23505',
    });
    await expect(query(pool, `INSERT INTO nonce VALUES ('acme', '123456789')`)).rejects.toMatchObject({
      code: 'CONSTRAINT',
      constraint: 'short',
    });
  });
  it('keeps bytes and log indexes as they are', async () => {
    const bytes = new Uint8Array([0, 255, 10, 13, 92]);
    const [row] = await query<{ bytes: Uint8Array; big: number }>(
      world.pool('orchestrator'),
      { name: 'bytes', text: 'SELECT $1::bytea AS bytes, $2::bigint AS big' },
      [bytes, Number.MAX_SAFE_INTEGER],
    );
    expect(new Uint8Array(row?.bytes ?? [])).toEqual(bytes);
    expect(row?.big).toBe(Number.MAX_SAFE_INTEGER);
  });
  it('says CONFLICT when two transactions cannot both be', async () => {
    const pool = world.pool('orchestrator');
    await query(pool, 'CREATE TABLE counter (n int)');
    await query(pool, 'INSERT INTO counter VALUES (0)');
    const bump = (): Promise<unknown> =>
      inTransaction(pool, async (client) => {
        await query(client, 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
        const [row] = await query<{ n: number }>(client, 'SELECT n FROM counter');
        await query(client, 'SELECT pg_sleep(0.1)');
        await query(client, 'UPDATE counter SET n = $1', [(row?.n ?? 0) + 1]);
      });
    expect((await Promise.all([codeOf(bump()), codeOf(bump())])).sort()).toEqual(['CONFLICT', 'ok']);
  });
});
