import { CONSUMERS, STREAMS } from '@logline/contracts';
import { callApi, consumerConfigs, migrateStreams, runnerConsumer, streamConfigs } from '@logline/jetstream';
import { startWorld, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('streams and consumers', () => {
  let world: World;
  let nc: NatsConnection;
  beforeAll(async () => {
    world = await startWorld({
      name: 'streams',
      postgres: false,
      runners: [{ tenant: 'acme', runner: 'home' }],
    });
    nc = await world.connect('test');
  });
  afterAll(() => world.close());

  it.each(streamConfigs(1))('has the stream $name set as wanted', async (wanted) => {
    const { config } = await callApi(nc, `STREAM.INFO.${wanted.name}`, undefined);
    expect(config).toMatchObject(wanted);
  });

  it.each([...consumerConfigs(), runnerConsumer('acme', 'home')])(
    'has the consumer $config.durable_name on $stream set as wanted',
    async ({ stream, config: wanted }) => {
      const { config } = await callApi(nc, `CONSUMER.INFO.${stream}.${wanted.durable_name}`, undefined);
      expect(config).toMatchObject(wanted);
    },
  );

  it('has no stream and no consumer beside those', async () => {
    const { streams } = await callApi(nc, 'STREAM.NAMES', {});
    expect(new Set(streams as string[])).toEqual(new Set(streamConfigs(1).map(({ name }) => name)));
    for (const stream of Object.values(STREAMS)) {
      const { consumers } = await callApi(nc, `CONSUMER.NAMES.${stream}`, {});
      const wanted = [...consumerConfigs(), runnerConsumer('acme', 'home')].filter(
        (one) => one.stream === stream,
      );
      expect(new Set((consumers as string[] | null) ?? [])).toEqual(
        new Set(wanted.map(({ config }) => config.durable_name)),
      );
    }
  });

  it('migrates again without moving a consumer', async () => {
    await nc.request('submit.client', 'x');
    const migrator = await world.connect('migrator');
    await migrateStreams(migrator);
    await migrateStreams(migrator);
    const info = await callApi(nc, `CONSUMER.INFO.${STREAMS.submit}.${CONSUMERS.gateSubmit}`, undefined);
    expect(info['num_pending']).toBe(1);
    await callApi(nc, `STREAM.PURGE.${STREAMS.submit}`, undefined);
  });

  it('gives the stream of facts an age, anew and where it stands already, and takes nothing else from it', async () => {
    const migrator = await world.connect('migrator');
    const settings = async () => {
      const { config } = await callApi(nc, `STREAM.INFO.${STREAMS.facts}`, undefined);
      return config as Record<string, unknown>;
    };
    const days = (count: number): number => count * 24 * 3_600 * 1e9;
    const wanted = streamConfigs(1).find(({ name }) => name === STREAMS.facts);
    expect(wanted).toMatchObject({ max_age: days(30), deny_delete: true, deny_purge: true });
    await migrateStreams(migrator, { factsMaxAgeMs: 0 });
    expect(await settings()).toMatchObject({ ...wanted, max_age: 0 });
    await migrateStreams(migrator, { factsMaxAgeMs: 60_000 });
    expect(await settings()).toMatchObject({ ...wanted, max_age: 60e9, duplicate_window: 60e9 });
    await migrateStreams(migrator);
    expect(await settings()).toMatchObject({ ...wanted });
  });

  it('refuses to delete or purge facts', async () => {
    await nc.request('fact.deploy.planned.acme.web', '{}');
    await expect(callApi(nc, `STREAM.PURGE.${STREAMS.facts}`, undefined)).rejects.toMatchObject({
      code: 'REFUSED',
    });
    await expect(callApi(nc, `STREAM.MSG.DELETE.${STREAMS.facts}`, { seq: 1 })).rejects.toMatchObject({
      code: 'REFUSED',
    });
  });

  it('republishes a stored fact on the bare subject, and nothing that was refused', async () => {
    const heard: string[] = [];
    const subscription = nc.subscribe('run_state.*.*.*', {
      callback: (_, message) => void heard.push(message.subject),
    });
    await nc.flush();
    await nc.request('fact.run_state.running.acme.web', '{}');
    await nc.flush();
    expect(heard).toEqual(['run_state.running.acme.web']);
    subscription.unsubscribe();
  });

  it('brings memory streams and their consumers back after the server was restarted', async () => {
    await world.nats.restart();
    for (const { stream, config } of consumerConfigs()) {
      await expect(
        callApi(nc, `CONSUMER.INFO.${stream}.${config.durable_name}`, undefined),
      ).resolves.toMatchObject({ name: config.durable_name });
    }
  });

  it('refuses a server that is too old', async () => {
    const old = { info: { version: '2.9.10' } } as NatsConnection; // a server of that age is nowhere to be had
    await expect(migrateStreams(old)).rejects.toMatchObject({ code: 'REFUSED' });
  });
});
