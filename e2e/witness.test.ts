import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newWitness, startWitness, type TestWitness, type WitnessProcess } from '@logline/testing';
import { cosignaturesOf, parseCosignerKey, parseVkey, verifyCheckpoint } from '@logline/tlog';
import { LocalSystem, until, type Env } from './local-system.ts';

/** docs/witnesses.md: two installations, each with a witness for the other, as their operators set them up. */

type Party = {
  readonly name: string;
  /** Its own, for the other's logs. */
  readonly witness: TestWitness;
  readonly running: WitnessProcess;
  readonly system: LocalSystem;
  readonly env: Env;
};

let folder: string;
let a: Party;
let b: Party;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'logline-e2e-witness-'));
  const made = ['a', 'b'].map((name) => newWitness(join(folder, name), `witness.${name}.example/w1`, []));
  const [ofA, ofB] = made;
  if (ofA === undefined || ofB === undefined) throw new Error('no witnesses');
  const runningA = await startWitness(ofA);
  const runningB = await startWitness(ofB);
  const systemA = await startWatched('b', ofB, runningB);
  a = { name: 'a', witness: ofA, running: runningA, system: systemA, env: await systemA.env() };
  const systemB = await startWatched('a', ofA, runningA);
  b = { name: 'b', witness: ofB, running: runningB, system: systemB, env: await systemB.env() };
  // each names its logs to the other
  await watch(a, b);
  await watch(b, a);
});
afterAll(async () => {
  await a?.running.stop();
  await b?.running.stop();
  await b?.system.close();
  await a?.system.close();
  rmSync(folder, { recursive: true, force: true });
});

/** An installation whose ledger asks that witness. */
async function startWatched(
  nick: string,
  { vkey }: TestWitness,
  { url }: WitnessProcess,
): Promise<LocalSystem> {
  return await LocalSystem.start(async (home) => {
    const dev = join(home, '.logline', 'dev');
    await mkdir(dev, { recursive: true });
    await writeFile(join(dev, 'witness-policy'), `witness ${nick} ${vkey} ${url}\nquorum ${nick}\n`);
  });
}

async function watch({ witness, running }: Party, { env }: Party): Promise<void> {
  writeFileSync(join(witness.dir, 'policy'), `log ${env.logKey}\nquorum none\n`);
  await running.reload();
}

/** The newest checkpoint that a quorum has cosigned, as anybody with a token reads it; undefined while there is none. */
async function cosignedOf({ env }: Party): Promise<string | undefined> {
  const answer = await fetch(`${env.baseUrl}/v1/log/${env.tenant}/checkpoint?cosigned=true`, {
    headers: { Authorization: `ApiKey ${env.apiKey}`, 'X-Tenant-Id': env.tenant },
  });
  return answer.ok ? await answer.text() : undefined;
}

function sizeOf({ env }: Party, checkpoint: string): bigint {
  const vkey = parseVkey(env.logKey);
  return verifyCheckpoint(checkpoint, { origin: vkey.name, vkeys: [vkey] }).size;
}

async function grow({ system, env }: Party): Promise<bigint> {
  const sdk = await system.sdk();
  const [ack] = await sdk.append({
    intent: 'registry.log.publish',
    subject: `urn:tenant:${env.tenant}`,
    payload: { public: false },
  });
  if (ack?.status !== 'ok') throw new Error(`not logged: ${JSON.stringify(ack)}`);
  return BigInt(ack.receipt.index) + 1n;
}

async function untilCosigned(log: Party, size: bigint): Promise<string> {
  let checkpoint = '';
  await until(async () => {
    checkpoint = (await cosignedOf(log)) ?? '';
    return checkpoint !== '' && sizeOf(log, checkpoint) >= size;
  }, `the log of ${log.name} is cosigned at ${size}`);
  return checkpoint;
}

describe('two installations that watch each other', () => {
  it.each([
    ['a', () => ({ log: a, other: b })],
    ['b', () => ({ log: b, other: a })],
  ] as const)('each entry of %s is covered by a checkpoint that the other has cosigned', async (_, both) => {
    const { log, other } = both();
    for (let nth = 0; nth < 2; nth++) {
      const checkpoint = await untilCosigned(log, await grow(log));
      const found = cosignaturesOf(checkpoint, [parseCosignerKey(other.witness.vkey)]);
      expect(found).toHaveLength(1);
      // and nobody's but the other's
      expect(cosignaturesOf(checkpoint, [parseCosignerKey(log.witness.vkey)])).toEqual([]);
    }
  });

  it('goes on while the witness is away, and is cosigned again when it is back', async () => {
    const before = sizeOf(a, (await cosignedOf(a)) ?? '');
    const { port } = new URL(b.running.url);
    await b.running.stop();
    const size = await grow(a); // fails open: the receipt does not wait
    expect(sizeOf(a, (await cosignedOf(a)) ?? '')).toBe(before);
    expect(size).toBeGreaterThan(before);
    b = { ...b, running: await startWitness(b.witness, { port: Number(port) }) };
    await untilCosigned(a, size);
  });
});
