import { GATE_BUCKET, SUBMIT_RECHECK } from '@logline/contracts';
import { callApi, readFactsStream } from '@logline/jetstream';
import {
  applySpan,
  buildService,
  eventually,
  runnerAddSpan,
  keyAddSpan,
  startService,
  startWorld,
  tenantCreatedSpan,
  testKey,
  untilAged,
  type ServiceProcess,
  type World,
} from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sender } from './gateway-side.ts';
import { StandInLedger } from './stand-in-ledger.ts';

let world: World;
let env: Readonly<Record<string, string>>;
let gate: ServiceProcess;
let ledger: StandInLedger;
let gateway: Sender;
let recheckSender: Sender;
let nc: NatsConnection;

beforeAll(async () => {
  buildService('tdln-gate');
  world = await startWorld({ name: 'gate-ageing', postgres: false, factsMaxAgeMs: 1_500 });
  const { kid, pub } = testKey('operator');
  env = {
    ...world.env('LOGLINE_GATE', 'tdln-gate', { key: 'tdln-gate' }),
    LOGLINE_GATE_OPERATOR_KEYS_FILE: world.writeFile('operator-keys.json', JSON.stringify([{ kid, pub }])),
    LOGLINE_GATE_LOG_LEVEL: 'info',
    LOGLINE_GATE_SNAPSHOT_EVERY_MS: '100',
  };
  gate = await startService('tdln-gate', env);
  ledger = await StandInLedger.open(world);
  gateway = await Sender.as(world, 'gateway');
  recheckSender = await Sender.as(world, 'ledger');
  nc = await world.connect('test');
});
afterAll(async () => {
  await gate?.stop();
  await world?.close();
});

async function born(tenant: string): Promise<void> {
  const runner = await runnerAddSpan({ tenant, tsMs: Date.now() });
  await ledger.commit(tenant, [tenantCreatedSpan({ tenant, tsMs: Date.now() }).bytes, runner.bytes]);
}

/** Reads of the newest verdict on a good manifest; they say how far the gate knows the log. */
async function judged(tenant: string) {
  const apply = applySpan({ tenant, tsMs: Date.now() });
  const { spans } = await ledger.requestOf(await gateway.send([apply.bytes], { tenant }));
  return spans[0]?.judged;
}

const ask = async (tenant: string) =>
  (await gateway.submit([applySpan({ tenant, tsMs: Date.now() }).bytes], { tenant, waitMs: 500 }))[0];
const readyz = async (): Promise<string> => await (await fetch(`${gate.url}/readyz`)).text();

describe('a gate whose facts have aged', () => {
  it('starts again and judges from its snapshots', async () => {
    await born('kept');
    await eventually(async () => expect((await judged('kept'))?.reads).toMatchObject({ tenant: 1 }));
    await untilAged(nc);
    expect(await gate.stop()).toBe(0);
    gate = await startService('tdln-gate', env);
    expect(await readFactsStream(nc)).toMatchObject({ firstSequence: 3, lastSequence: 2 });
    const verdict = await judged('kept');
    expect(verdict).toMatchObject({ role: 'client', reads: { tenant: 1 } });
    expect(verdict?.no).toBeUndefined();
  });

  it('without a snapshot answers 503 with what is missing, for that tenant only, until it is republished', async () => {
    await gate.stop();
    await callApi(nc, `STREAM.PURGE.KV_${GATE_BUCKET}`, undefined);
    gate = await startService('tdln-gate', env);
    await ledger.commit('kept', [
      keyAddSpan({ added: testKey('x1'), tenant: 'kept', tsMs: Date.now() }).bytes,
    ]);
    await born('fresh');
    const fix = 'logline ledger republish --again --tenant kept --from 0';
    await eventually(async () =>
      expect(await ask('kept')).toMatchObject({
        code: '503_UNAVAILABLE',
        errors: [expect.stringContaining(fix)],
      }),
    );
    expect(gate.lines).toContainEqual(expect.objectContaining({ msg: expect.stringContaining(fix) }));
    expect(await readyz()).toContain('facts 0 to 2 of kept');
    expect(await gate.metric('gate_lacking_tenants')).toBe(1);
    await eventually(async () => expect((await judged('fresh'))?.reads).toMatchObject({ tenant: 1 }));
    // also when it starts again once all of that has aged, with nothing left that says so
    await untilAged(nc);
    expect(await gate.stop()).toBe(0);
    gate = await startService('tdln-gate', env);

    await ledger.republish('kept');
    await eventually(async () => expect((await judged('kept'))?.reads).toMatchObject({ tenant: 2 }));
    expect(await readyz()).toContain('0 lacking facts');
    expect(await gate.metric('gate_lacking_tenants')).toBe(0);
    expect((await judged('kept'))?.no).toBeUndefined();
    expect((await judged('fresh'))?.reads).toMatchObject({ tenant: 1 });
  });

  it('finds out by the ledger that a tenant of which it has nothing has a log', async () => {
    await born('silent');
    await eventually(async () => expect((await judged('silent'))?.reads).toMatchObject({ tenant: 1 }));
    await gate.stop();
    await callApi(nc, `STREAM.PURGE.KV_${GATE_BUCKET}`, undefined);
    await untilAged(nc);
    gate = await startService('tdln-gate', env);
    // it would be nobody's: the ledger, which knows better, sends the verdict back
    expect((await judged('silent'))?.no).toMatchObject({ code: '404_NOT_FOUND' });
    await recheckSender.send([applySpan({ tenant: 'silent', tsMs: Date.now() }).bytes], {
      subject: SUBMIT_RECHECK,
      tenant: 'silent',
      recheck: { submitted_ms: Date.now(), min_index: 1, attempt: 1 },
    });
    await eventually(
      async () =>
        expect(await ask('silent')).toMatchObject({
          code: '503_UNAVAILABLE',
          errors: [expect.stringContaining('facts 0 to 1 of silent')],
        }),
      { withinMs: 20_000 },
    );
    await ledger.republish('silent');
    await eventually(async () => expect((await judged('silent'))?.reads).toMatchObject({ tenant: 1 }));
    expect(await readyz()).toContain('0 lacking facts');
  });
});
