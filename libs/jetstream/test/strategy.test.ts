import 'reflect-metadata';
import { CONSUMERS, parseSubmitEnvelope, STREAMS } from '@logline/contracts';
import { callApi, recreateConsumer, type JetStreamContext, type Rejection } from '@logline/jetstream';
import { Consume, JetStreamModule, JetStreamStrategy, NATS } from '@logline/jetstream/nest';
import { eventually, passwordOf, startWorld, type World } from '@logline/testing';
import { Controller, Inject, type DynamicModule, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

class Seen {
  readonly submitted: string[] = [];
  readonly started: string[] = [];
  readonly led: string[] = [];
  readonly batched: string[][] = [];
  open: () => void = () => undefined;
  opened: Promise<void> = new Promise((resolve) => (this.open = resolve));
}

class Doors {
  readonly seen: Seen;
  constructor(seen: Seen) {
    this.seen = seen;
  }

  async submit(bytes: Uint8Array, message: JetStreamContext): Promise<void> {
    const text = new TextDecoder().decode(bytes);
    if (text.startsWith('n')) {
      this.seen.started.push(text);
      await this.seen.opened;
    } else {
      parseSubmitEnvelope(bytes);
      this.seen.submitted.push(message.subject);
    }
  }

  async accept(bytes: Uint8Array): Promise<void> {
    this.seen.led.push(new TextDecoder().decode(bytes));
  }

  async verify(messages: readonly JetStreamContext[]): Promise<readonly Rejection[]> {
    const texts = messages.map(({ bytes }) => new TextDecoder().decode(bytes));
    this.seen.batched.push(texts.filter((text) => text !== 'bad'));
    return messages
      .filter((_, index) => texts[index] === 'bad')
      .map((message) => ({ message, error: new Error('bad') }));
  }
}

// test files are no part of a package's own compilation, so their decorators are applied by hand
Reflect.decorate([Controller()], Doors);
Inject(Seen)(Doors, undefined, 0);
consume('submit', STREAMS.submit, CONSUMERS.gateSubmit, { mode: 'concurrent', limit: 64 });
consume('accept', STREAMS.accept, CONSUMERS.ledger(0), { mode: 'ordered', paused: true });
consume('verify', STREAMS.verify, CONSUMERS.verifier, { mode: 'batch', limit: 100 });

function consume(method: 'submit' | 'accept' | 'verify', ...of: Parameters<typeof Consume>): void {
  const descriptor = Object.getOwnPropertyDescriptor(Doors.prototype, method);
  if (descriptor !== undefined) Consume(...of)(Doors.prototype, method, descriptor);
}

let world: World;
let nc: NatsConnection;
let app: INestMicroservice;
let seen: Seen;
let strategy: JetStreamStrategy;

beforeAll(async () => {
  world = await startWorld({ name: 'strategy', postgres: false });
  nc = await world.connect('test');
  const root: DynamicModule = {
    module: class TestModule {},
    imports: [
      JetStreamModule.register({
        url: world.nats.url,
        user: 'test',
        password: passwordOf('test'),
        name: 'strategy',
        log,
      }),
    ],
    controllers: [Doors],
    providers: [Seen],
  };
  const http = await NestFactory.create(root, new FastifyAdapter(), { logger: false, abortOnError: false });
  strategy = http.get(JetStreamStrategy);
  seen = http.get(Seen);
  app = http.connectMicroservice({ strategy });
  await http.startAllMicroservices();
  closeApp = async () => {
    await strategy.close();
    await http.get<NatsConnection>(NATS).close();
    await http.close();
  };
});
let closeApp: () => Promise<void>;
afterAll(async () => {
  await closeApp();
  await world.close();
});
afterEach(async () => {
  for (const stream of [STREAMS.submit, STREAMS.accept])
    await callApi(nc, `STREAM.PURGE.${stream}`, undefined);
});

const statusOf = (consumer: string) => strategy.statuses().find((one) => one.consumer === consumer);

describe('JetStreamStrategy', () => {
  it('is the transport of a Nest application', () => {
    expect(app).toBeDefined();
    expect(strategy.isHealthy()).toBe(true);
  });

  it('hands bytes to the method of the consumer, and drops garbage although Nest would hide its error', async () => {
    const before = statusOf('gate')?.terminated ?? 0;
    for (const garbage of ['garbage', '', '\0\0\0\0', '\xff\xff\xff\xff', '{"v":1}'])
      await nc.request('submit.client', garbage);
    await eventually(() => expect(statusOf('gate')?.terminated).toBe(before + 5));
    expect(seen.submitted).toEqual([]);
    await eventually(async () => {
      const { state } = (await callApi(nc, `STREAM.INFO.${STREAMS.submit}`, undefined)) as {
        state: { messages: number };
      };
      expect(state.messages).toBe(0);
    });
  });

  it('starts handlers in stream order through all of Nest', async () => {
    const names = Array.from({ length: 60 }, (_, n) => `n${n}`);
    for (const name of names) await nc.request('submit.client', name);
    await eventually(() => expect(seen.started).toEqual(names));
    seen.open();
    await eventually(() => expect(statusOf('gate')?.inFlight).toBe(0));
  });

  it('leaves a paused consumer alone until it is resumed, and stops when paused again', async () => {
    await nc.request('accept.0', 'a');
    expect(seen.led).toEqual([]);
    expect(strategy.isHealthy()).toBe(true);
    strategy.resume(STREAMS.accept, CONSUMERS.ledger(0));
    await eventually(() => expect(seen.led).toEqual(['a']));
    await strategy.pause(STREAMS.accept, CONSUMERS.ledger(0));
    await nc.request('accept.0', 'b');
    expect(seen.led).toEqual(['a']);
    await recreateConsumer(nc, STREAMS.accept, CONSUMERS.ledger(0));
    strategy.resume(STREAMS.accept, CONSUMERS.ledger(0));
    await eventually(() => expect(seen.led).toEqual(['a', 'b']));
  });

  it('takes from a batch those that the handler names, and acknowledges the others', async () => {
    for (const text of ['x', 'bad', 'y']) nc.publish('verify.0', text);
    await eventually(() => expect(statusOf('verifier')).toMatchObject({ handled: 2, terminated: 1 }));
    expect(seen.batched.flat()).toEqual(['x', 'y']);
  });

  it('refuses to resume what nobody handles', () => {
    expect(() => strategy.resume('FACTS', 'nobody')).toThrow(expect.objectContaining({ code: 'REFUSED' }));
  });
});
