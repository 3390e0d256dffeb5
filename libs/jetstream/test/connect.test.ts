import { connectNats, Publisher } from '@logline/jetstream';
import { eventually, passwordOf, startWorld, type World } from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

describe('connectNats', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ name: 'connect', postgres: false });
  });
  afterAll(() => world.close());

  it('refuses bad credentials at once', async () => {
    const startedMs = performance.now();
    await expect(
      connectNats({ url: world.nats.url, user: 'gateway', password: 'wrong', name: 'x' }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });
  it('gives up on a server that is not there, after its time', async () => {
    await expect(
      connectNats({ url: 'nats://127.0.0.1:1', user: 'x', password: 'x', name: 'x', firstWithinMs: 300 }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
  it('waits for a server that is still starting', async () => {
    await world.nats.stop();
    const connecting = connectNats({
      url: world.nats.url,
      user: 'gateway',
      password: passwordOf('gateway'),
      name: 'x',
    });
    await world.nats.start();
    const nc = await connecting;
    expect(nc.getServer()).toContain('127.0.0.1');
    await nc.close();
  });
  it('fails what is asked when the line is cut right away, not after a timeout', async () => {
    const nc = await world.connect('test');
    nc.subscribe('silence', { callback: () => undefined });
    await nc.flush();
    const asked = new Publisher(nc)
      .publish('silence', new Uint8Array(1), { timeoutMs: 60_000, attempts: 1 })
      .catch((error: unknown) => error);
    await world.nats.kill();
    expect(await asked).toMatchObject({ code: 'UNAVAILABLE' });
    await world.nats.start();
  });
  it.each([
    ['before the line is cut', 'connected'],
    ['while it is cut', 'disconnected'],
  ])('comes back also when the clock was set back by an hour %s', async (_when, upTo) => {
    const now = Date.now;
    const ahead = vi.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000);
    const nc = await world.connect('test');
    if (upTo === 'connected') ahead.mockRestore();
    const seen: string[] = [];
    void (async () => {
      for await (const { type } of nc.status()) seen.push(type);
    })();
    await world.nats.kill();
    // it has tried in vain, and remembers when
    await eventually(() => expect(seen).toContain('disconnect'));
    if (upTo === 'disconnected') await eventually(() => expect(seen).toContain('reconnecting'));
    ahead.mockRestore();
    await world.nats.start();
    await eventually(() => expect(seen).toContain('reconnect'), { withinMs: 10_000 });
  });
});
