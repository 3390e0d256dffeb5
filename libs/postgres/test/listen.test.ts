import { listen, query, type Listening } from '@logline/postgres';
import { eventually, startWorld, type World } from '@logline/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

let world: World;
let listening: Listening | undefined;
beforeAll(async () => {
  world = await startWorld({ name: 'listen' });
});
afterAll(() => world.close());
afterEach(() => listening?.close());

const notify = (payload: string): Promise<unknown> =>
  query(world.pool('views'), 'SELECT pg_notify($1, $2)', ['views_moved', payload]);

describe('listen', () => {
  it('hears every notification on its channel, in order, and no other', async () => {
    const heard: string[] = [];
    listening = await listen(
      world.postgresUrl('gateway'),
      'views_moved',
      (payload) => void heard.push(payload),
    );
    await query(world.pool('views'), 'SELECT pg_notify($1, $2)', ['other', 'x']);
    for (const payload of ['acme:1', 'acme:2', 'beta:1']) await notify(payload);
    await eventually(() => expect(heard).toEqual(['acme:1', 'acme:2', 'beta:1']));
  });
  it('comes back when its connection is cut, and says that something may have been missed', async () => {
    const heard: string[] = [];
    let connections = 0;
    listening = await listen(
      world.postgresUrl('gateway'),
      'views_moved',
      (payload) => void heard.push(payload),
      { onConnected: () => connections++ },
    );
    expect(connections).toBe(1);
    await query(
      world.pool('gateway'),
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listen views_moved' AND usename = current_user`,
    );
    await eventually(() => expect(connections).toBe(2));
    await notify('acme:3');
    await eventually(() => expect(heard).toEqual(['acme:3']));
  });
  it('comes back when the server was killed', async () => {
    let connections = 0;
    listening = await listen(world.postgresUrl('gateway'), 'views_moved', () => undefined, {
      onConnected: () => connections++,
    });
    await world.postgres.kill();
    await eventually(() => expect(listening?.isHealthy()).toBe(false));
    await world.postgres.start();
    await eventually(() => expect(connections).toBe(2));
    expect(listening.isHealthy()).toBe(true);
  });
  it('says so when the first connection fails', async () => {
    await expect(listen('postgres://x:y@127.0.0.1:1/z', 'c', () => undefined)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });
});
