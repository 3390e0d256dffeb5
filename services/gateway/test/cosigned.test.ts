import { cosignedOf } from '@logline/contracts';
import { Publisher } from '@logline/jetstream';
import { eventually, signedSpan, SUBJECT, testKey } from '@logline/testing';
import { cosign, formatSignature, parseNote } from '@logline/tlog';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayWorld, startGatewayWorld } from './gateway-world.ts';

const PATH = '/v1/log/acme/checkpoint';
const witness = { name: 'witness.example/w1', signer: testKey('witness').signer };

let world: GatewayWorld;
let publisher: Publisher;
beforeAll(async () => {
  world = await startGatewayWorld();
  publisher = new Publisher(world.nc);
});
afterAll(async () => {
  await world.close();
});

/** As the ledger sends it: the log's newest checkpoint with a line below it. */
function cosigned(seconds = 1n): string {
  const { checkpoint } = world.log;
  return checkpoint + formatSignature(cosign(parseNote(checkpoint).text, witness, seconds));
}
const send = (note: string) => publisher.publish(cosignedOf('acme'), new TextEncoder().encode(note));
async function grow(nth: number): Promise<void> {
  await world.log.append(signedSpan({ nth, intent: 'deploy.stop', subject: SUBJECT, payload: {} }));
  await world.untilProjected();
}
const served = async (query = ''): Promise<string> => (await world.call(PATH + query)).text;
const untilServed = (note: string, query = '') =>
  eventually(async () => expect(await served(query)).toBe(note));

describe('the checkpoint of a log', () => {
  it('has its cosignatures once they have come, and is the newest one also before they have', async () => {
    expect((await world.call(`${PATH}?cosigned=true`)).status).toBe(404);
    const first = cosigned();
    expect(await served()).toBe(world.log.checkpoint);
    await send(first);
    await untilServed(first);
    expect(await served('?cosigned=true')).toBe(first);

    await grow(1);
    expect(await served()).toBe(world.log.checkpoint);
    // a newer one does not hide the one that a quorum has seen
    expect(await served('?cosigned=true')).toBe(first);

    await send(cosigned());
    await untilServed(cosigned(), '?cosigned=true');
    expect(await served()).toBe(cosigned());
    await send(cosigned(2n));
    await untilServed(cosigned(2n));
  });

  it('is not replaced by an older one, nor by garbage', async () => {
    const older = cosigned(3n);
    await grow(2);
    const newer = cosigned(4n);
    await send(newer);
    await untilServed(newer);
    await send(older);
    await send('garbage');
    await send(newer.replaceAll('/acme', '/umbra'));
    await grow(3);
    await send(cosigned(5n));
    await untilServed(cosigned(5n), '?cosigned=true');
    expect(await served()).toBe(cosigned(5n));
  });

  it('is asked for in no other way', async () => {
    expect((await world.call(`${PATH}?cosigned=maybe`)).status).toBe(400);
    expect((await world.call(`${PATH}?newest=true`)).status).toBe(400);
    expect((await world.call(`${PATH}?cosigned=true`, { tenant: 'umbra' })).status).not.toBe(200);
  });
});
