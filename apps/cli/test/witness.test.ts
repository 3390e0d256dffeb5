import { cosignaturesOf, parseCosignerKey, parseNote, parseVkey, verifyCheckpoint } from '@logline/tlog';
import {
  eventually,
  newWitness,
  startWitness,
  type TestWitness,
  type WitnessProcess,
} from '@logline/testing';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Person } from './home.ts';
import { WatchedLog } from './watched-log.ts';

const log = new WatchedLog('log.example/acme');
const other = new WatchedLog('log.example/umbra');
const stranger = new WatchedLog('log.example/stranger');
const stateFile = `${createHash('sha256').update(log.origin).digest('hex')}.checkpoint`;

let folder: string;
let nth = 0;
let made: TestWitness;
let witness: WitnessProcess;

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'logline-witness-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  made = newWitness(join(folder, `w${++nth}`), `witness.example/w${nth}`, [log.vkey, other.vkey]);
  witness = await startWitness(made);
});
afterEach(() => witness.kill());

type Answer = { readonly status: number; readonly type: string | null; readonly body: string };

async function add(body: string, url = witness.url): Promise<Answer> {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: await response.text(),
  };
}

/** Every cosignature given out is by the witness and over the checkpoint that was asked for. */
function expectCosigned({ status, body }: Answer, checkpoint: string): void {
  expect(status).toBe(200);
  expect(cosignaturesOf(checkpoint + body, [parseCosignerKey(made.vkey)])).toHaveLength(1);
}

const sizeOnDisk = (): number =>
  Number(parseNote(readFileSync(join(made.dir, 'state', stateFile), 'utf8')).text.split('\n')[1]);

describe('add-checkpoint', () => {
  it('cosigns a log as it grows, and serves what it cosigned last', async () => {
    expectCosigned(await add(log.request(0, 3)), log.checkpoint(3));
    expectCosigned(await add(log.request(3, 300)), log.checkpoint(300));
    expectCosigned(await add(log.request(300, 300)), log.checkpoint(300));
    const hash = createHash('sha256').update(log.origin).digest('hex');
    const served = await fetch(`${witness.url}/${hash}/checkpoint`);
    expect(served.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const note = await served.text();
    expect(verifyCheckpoint(note, { origin: log.origin, vkeys: [parseVkey(log.vkey)] }).size).toBe(300n);
    expect(cosignaturesOf(note, [parseCosignerKey(made.vkey)])).toHaveLength(1);
  });

  it('says its size when it is asked with another one, as the spec types it', async () => {
    const conflict = { status: 409, type: 'text/x.tlog.size' };
    expect(await add(log.request(3, 7))).toEqual({ ...conflict, body: '0\n' });
    await add(log.request(0, 7));
    expect(await add(log.request(0, 9))).toEqual({ ...conflict, body: '7\n' });
  });

  it('refuses a fork, whichever way it comes', async () => {
    await add(log.request(0, 7));
    expect((await add(log.fork().request(7, 9))).status).toBe(422);
    expect((await add(log.fork().request(7, 7))).status).toBe(422);
    expect((await add(log.fork().request(0, 7))).status).toBe(409);
    await eventually(() => expect(witness.lines.filter(({ event }) => event === 'fork')).toHaveLength(1));
    expect(await (await fetch(witness.metricsUrl)).text()).toContain('witness_forks_total 1');
    expectCosigned(await add(log.request(7, 9)), log.checkpoint(9));
  });

  it('answers strangers and garbage with the statuses of the spec', async () => {
    expect((await add(stranger.request(0, 3))).status).toBe(404);
    expect((await add(log.request(0, 3).replace('\n3\n', '\n4\n'))).status).toBe(403);
    expect((await add('')).status).toBe(400);
    expect((await add('old 0\n\n\u0000')).status).toBe(400);
    expect((await add(`old 0\n${'A'.repeat(127 * 1024)}`)).status).toBe(400);
    expect((await add('x'.repeat(129 * 1024))).status).toBe(413);
    const get = await fetch(`${witness.url}/add-checkpoint`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    for (const path of ['/', '/checkpoint', `/${'0'.repeat(64)}/checkpoint`, '/../state/x/checkpoint'])
      expect([path, (await fetch(witness.url + path)).status]).toEqual([path, 404]);
    expect(readdirSync(join(made.dir, 'state')).filter((name) => name.endsWith('.checkpoint'))).toEqual([]);
  });

  it('takes requests of one log one by one: of many at once, one history comes out', async () => {
    await add(log.request(0, 1));
    const tree = (at: number) => (at % 2 === 0 ? log : log.fork());
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, at) => add(tree(at).request(1, 2 + Math.floor(at / 2)))),
    );
    const statuses = answers.map(({ status }) => status);
    // whoever comes second is told of the first; a fork never comes first
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => ![200, 409, 422].includes(status))).toEqual([]);
    expect(statuses.findIndex((status) => status === 200) % 2).toBe(0);
  });
});

describe('a witness that is killed', () => {
  it('never goes back behind what it has answered, at whatever moment', async () => {
    let cosigned = 0;
    for (let round = 0; round < 6; round++) {
      const { port } = new URL(witness.url);
      let latest = cosigned;
      const grow = (async () => {
        for (let size = latest + 1; ; size++) {
          const answer = await add(log.request(latest, size));
          if (answer.status === 409) latest = Number(answer.body);
          else latest = cosigned = size;
        }
      })().catch(() => undefined);
      // at another moment each time: after so many answers, in the middle of the next
      const target = cosigned + 2 + round;
      await eventually(() => expect(cosigned).toBeGreaterThanOrEqual(target));
      await witness.kill();
      await grow;
      witness = await startWitness(made, { port: Number(port) });
      expect(sizeOnDisk()).toBeGreaterThanOrEqual(cosigned);
      expect((await add(log.fork().request(cosigned, cosigned))).status).not.toBe(200);
      cosigned = sizeOnDisk();
    }
  });

  it('between state and answer: the client learns the size and gets the cosignature it missed', async () => {
    await add(log.request(0, 3));
    // nobody takes the answer: the connection is gone once the new state is on disk
    const body = log.request(3, 9);
    const { hostname, port } = new URL(witness.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(
      `POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    await eventually(() => expect(sizeOnDisk()).toBe(9));
    await witness.kill();
    socket.destroy();
    witness = await startWitness(made);
    expect(await add(log.request(3, 9))).toMatchObject({ status: 409, body: '9\n' });
    expectCosigned(await add(log.request(9, 9)), log.checkpoint(9));
    expect((await add(log.fork().request(9, 9))).status).toBe(422);
  });

  it('finishes what has arrived when it is asked to end', async () => {
    const answers = Promise.all(
      Array.from({ length: 20 }, () => add(log.request(0, 5)).catch(() => ({ status: 0 }))),
    );
    await eventually(() => expect(sizeOnDisk()).toBe(5));
    expect(await witness.stop()).toBe(0);
    for (const { status } of await answers) expect([0, 200, 409]).toContain(status);
    expect(witness.lines.at(-1)).toMatchObject({ event: 'stopped' });
  });
});

describe('the folder', () => {
  it('is used by one process: a second one is refused, and a killed one does not stand in the way', async () => {
    await expect(startWitness(made)).rejects.toThrow(/another process uses/);
    await witness.kill();
    witness = await startWitness(made);
    expectCosigned(await add(log.request(0, 3)), log.checkpoint(3));
  });

  it('that somebody else has taken is never written to again', async () => {
    await add(log.request(0, 3));
    rmSync(join(made.dir, 'state', 'lock'));
    const usurper = await startWitness(made);
    try {
      expect((await add(log.request(3, 5))).status).toBe(500);
      expectCosigned(await add(log.request(3, 4), usurper.url), log.checkpoint(4));
      expect(sizeOnDisk()).toBe(4);
    } finally {
      await usurper.kill();
    }
  });

  it('with a damaged checkpoint answers 500 for that log and goes on for the others', async () => {
    await add(log.request(0, 3));
    await witness.stop();
    const path = join(made.dir, 'state', stateFile);
    writeFileSync(path, readFileSync(path, 'utf8').replace('\n3\n', '\n1\n'));
    witness = await startWitness(made);
    expect((await add(log.request(0, 3))).status).toBe(500);
    expect((await add(log.request(3, 5))).status).toBe(500);
    expect((await add(other.request(0, 3))).status).toBe(200);
  });

  it('without its state, or with the state of another key, is refused', async () => {
    await witness.stop();
    cpSync(made.dir, join(folder, 'emptied'), {
      recursive: true,
      filter: (path) => !path.endsWith('state/witness.vkey'),
    });
    await expect(startWitness({ dir: join(folder, 'emptied') })).rejects.toThrow(/not the state of this key/);
    const another = newWitness(join(folder, 'another'), 'witness.example/another', []);
    cpSync(join(made.dir, 'state'), join(another.dir, 'state'), { recursive: true });
    await expect(startWitness(another)).rejects.toThrow(/not the state of this key/);
  });

  it('with a key that others can read is refused, and so is a second key', async () => {
    await witness.stop();
    const person = await Person.make();
    const again = await person.run(['witness', 'init', '--name', 'other.example', '--dir', made.dir]);
    expect(again.code).toBe(6);
    expect((await person.run(['witness', 'init', '--name', 'a b', '--dir', 'x'])).code).toBe(5);
    expect((await person.run(['witness', 'init'])).code).toBe(2);
    expect((await person.run(['witness', 'run', '--dir', 'nowhere'])).code).toBe(3);
    expect((await person.run(['witness', 'run', '--listen', '8460'])).code).toBe(2);
    expect(await person.must(['witness', 'show', '--dir', made.dir])).toMatchObject({
      vkey: made.vkey,
      logs: [
        { origin: log.origin, size: 0 },
        { origin: other.origin, size: 0 },
      ],
    });
    chmodSync(join(made.dir, 'witness.key'), 0o644);
    expect((await person.run(['witness', 'run', '--dir', made.dir])).code).toBe(4);
    await person.remove();
  });

  it('has a policy that is read again on SIGHUP, and a bad one changes nothing', async () => {
    expect((await add(stranger.request(0, 3))).status).toBe(404);
    writeFileSync(join(made.dir, 'policy'), `log ${stranger.vkey}\nlog ${log.vkey}\nquorum none\n`);
    await witness.reload();
    expect((await add(stranger.request(0, 3))).status).toBe(200);
    expect((await add(other.request(0, 3))).status).toBe(404);
    writeFileSync(join(made.dir, 'policy'), 'log nonsense\n');
    process.kill(witness.pid, 'SIGHUP');
    await eventually(() =>
      expect(witness.lines.at(-1)).toMatchObject({
        event: 'reload_failed',
        why: expect.stringContaining('line 1'),
      }),
    );
    expect((await add(stranger.request(3, 4))).status).toBe(200);
  });
});

describe('the doors', () => {
  it('stand under a prefix', async () => {
    await witness.stop();
    witness = await startWitness(made, { prefix: '/witness/v1' });
    expect(new URL(witness.url).pathname).toBe('/witness/v1');
    expectCosigned(await add(log.request(0, 3)), log.checkpoint(3));
    expect((await fetch(`${new URL(witness.url).origin}/add-checkpoint`)).status).toBe(404);
  });

  it('let go of whoever sends slowly, and answer the others meanwhile', async () => {
    const { hostname, port } = new URL(witness.url);
    const ends = Array.from({ length: 50 }, () => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined).resume();
      socket.write('POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1000\r\n\r\nold');
      return new Promise<void>((resolve) => socket.on('close', () => resolve()));
    });
    expectCosigned(await add(log.request(0, 3)), log.checkpoint(3));
    await Promise.all(ends);
  }, 30_000);
});
