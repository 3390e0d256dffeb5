import { inOneFlight, inTransaction, openPool, POSTGRES_FAULTS, query, type Pool } from '@logline/postgres';
import { eventually, startWorld, type World } from '@logline/testing';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let world: World;
let pool: Pool;
beforeAll(async () => {
  world = await startWorld({ name: 'transaction' });
  pool = world.pool('orchestrator');
  await query(
    pool,
    'CREATE TABLE entry (n int PRIMARY KEY, later int REFERENCES entry DEFERRABLE INITIALLY DEFERRED)',
  );
});
afterAll(() => world.close());
beforeEach(() => query(world.pool('orchestrator'), 'TRUNCATE entry'));

const entries = async (): Promise<number[]> =>
  (await query<{ n: number }>(world.pool('orchestrator'), 'SELECT n FROM entry ORDER BY n')).map(
    ({ n }) => n,
  );

describe('inTransaction', () => {
  it('gives the result once it is committed', async () => {
    expect(
      await inTransaction(
        pool,
        async (client) => await query(client, 'INSERT INTO entry VALUES (1) RETURNING n'),
      ),
    ).toEqual([{ n: 1 }]);
    expect(await entries()).toEqual([1]);
  });
  it('writes nothing when the work throws, and throws what the work threw', async () => {
    const error = new TypeError('mine');
    await expect(
      inTransaction(pool, async (client) => {
        await query(client, 'INSERT INTO entry VALUES (1)');
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await entries()).toEqual([]);
  });
  it('writes nothing when a statement failed and its error was swallowed', async () => {
    const work = inTransaction(pool, async (client) => {
      await query(client, 'INSERT INTO entry VALUES (1)');
      await query(client, 'SELECT 1 / 0').catch(() => undefined);
    });
    await expect(work).rejects.toMatchObject({ code: 'FAILED' });
    expect(await entries()).toEqual([]);
  });
  it("knows the server's own no at COMMIT: nothing was written", async () => {
    const work = inTransaction(pool, (client) => query(client, 'INSERT INTO entry VALUES (1, 99)'));
    await expect(work).rejects.toMatchObject({ code: 'CONSTRAINT' });
    expect(await entries()).toEqual([]);
  });
  it('gives no connection back that is in the middle of something', async () => {
    const single = openPool(world.postgresUrl('orchestrator'), { name: 'single', max: 1 });
    const doomed = inTransaction(single, async (client) => {
      await query(client, 'SELECT pg_terminate_backend(pg_backend_pid())');
    });
    await expect(doomed).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await query(single, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await single.end();
  });
  it('says UNAVAILABLE, never unknown, when it cannot even begin', async () => {
    const nowhere = openPool('postgres://x:y@127.0.0.1:1/z', { name: 'nowhere' });
    await expect(inTransaction(nowhere, async () => undefined)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await nowhere.end();
  });
});

describe.each([false, true])('statements in one flight, pipeline %s', (pipeline) => {
  let one: Pool;
  beforeAll(() => {
    one = openPool(world.postgresUrl('orchestrator'), { name: 'flight', max: 1, pipeline });
  });
  afterAll(() => one.end());

  it('are all done, in order', async () => {
    await inTransaction(one, (client) =>
      inOneFlight(client, () => [
        query(client, 'INSERT INTO entry VALUES (1)'),
        query(client, 'INSERT INTO entry SELECT n + 1 FROM entry'),
        query(client, 'INSERT INTO entry SELECT n + 2 FROM entry'),
      ]),
    );
    expect(await entries()).toEqual([1, 2, 3, 4]);
  });
  it('throw the first error, write nothing, and leave the connection usable', async () => {
    const work = inTransaction(one, (client) =>
      inOneFlight(client, () => [
        query(client, 'INSERT INTO entry VALUES (1)'),
        query(client, 'INSERT INTO entry VALUES (1)'),
        query(client, 'INSERT INTO entry VALUES (2)'),
      ]),
    );
    await expect(work).rejects.toMatchObject({ code: 'UNIQUE_VIOLATION', sqlState: '23505' });
    expect(await entries()).toEqual([]);
    await query(one, 'INSERT INTO entry VALUES (7)');
    expect(await entries()).toEqual([7]);
  });
});

describe('a connection lost while committing', () => {
  /** Between us and the server: lets everything through until it sees what it waits for, then cuts. */
  let proxy: Server;
  let sockets: Socket[] = [];
  let cutWhen: 'never' | 'commit is asked' | 'commit is answered' = 'never';
  beforeAll(async () => {
    const { port } = new URL(world.postgres.adminUrl);
    proxy = createServer((client) => {
      const server = connect(Number(port), '127.0.0.1');
      sockets.push(client, server);
      let isCommitting = false;
      const cut = (): void => {
        client.destroy();
        server.destroy();
      };
      client.on('data', (data) => {
        if (data.includes('COMMIT\0')) {
          isCommitting = true;
          if (cutWhen === 'commit is asked') return cut(); // the server never hears of it
        }
        server.write(data);
      });
      server.on('data', (data) => {
        if (isCommitting && cutWhen === 'commit is answered') return cut(); // it is written, and we never hear of it
        client.write(data);
      });
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
    sockets = [];
  });
  const proxied = (): Pool => {
    const address = proxy.address();
    const url = new URL(world.postgresUrl('orchestrator'));
    if (typeof address === 'object' && address !== null) url.port = String(address.port);
    return openPool(url.toString(), { name: 'proxied', max: 1 });
  };

  it.each([
    ['commit is asked', []],
    ['commit is answered', [1]],
  ] as const)(
    'is COMMIT_UNKNOWN when it happens as the %s, for both leave us with the same',
    async (when, written) => {
      const cutOff = proxied();
      cutWhen = when;
      await expect(
        inTransaction(cutOff, (client) => query(client, 'INSERT INTO entry VALUES (1)')),
      ).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' });
      cutWhen = 'never';
      await eventually(async () => expect(await entries()).toEqual(written));
      expect(await query(cutOff, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      await cutOff.end();
    },
  );
  it('is fatal to whoever keeps a log in memory', () => {
    expect(POSTGRES_FAULTS.COMMIT_UNKNOWN).toBe('fatal');
  });
});

describe('a pool', () => {
  it('outlives a restart of the server', async () => {
    const lasting = world.pool('orchestrator');
    await query(lasting, 'SELECT 1');
    await world.postgres.kill();
    await expect(query(lasting, 'SELECT 1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await world.postgres.start();
    await eventually(async () => expect(await query(lasting, 'SELECT 1 AS one')).toEqual([{ one: 1 }]));
  });
});
