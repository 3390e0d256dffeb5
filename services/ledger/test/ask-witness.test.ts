import { type IncomingMessage, createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testKey } from '@logline/testing';
import { cosign, emptyRoot, formatSignature, parseNote, signCheckpoint, toCosignerKey } from '@logline/tlog';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askWitness, type WitnessAnswer } from '../src/witness/ask-witness.ts';

const ORIGIN = 'logs.test/acme';
const checkpoint = signCheckpoint({ origin: ORIGIN, size: 0n, root: emptyRoot() }, [
  { name: ORIGIN, signer: testKey('log').signer },
]);
const { text } = parseNote(checkpoint);
const witness = { name: 'witness.example/w1', signer: testKey('witness').signer };
const stranger = { name: 'witness.example/w2', signer: testKey('stranger').signer };
const key = toCosignerKey(witness.name, witness.signer.publicKey);
const line = (by: typeof witness, seconds = 1n, of = text): string =>
  formatSignature(cosign(of, by, seconds));

let server: Server;
let respond: (request: IncomingMessage, response: ServerResponse) => void;
beforeEach(async () => {
  server = createServer((request, response) => respond(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function ask(timeoutMs = 5_000, signal = new AbortController().signal): Promise<WitnessAnswer> {
  const { port } = server.address() as AddressInfo; // TCP
  const url = `http://127.0.0.1:${port}/prefix`;
  return await askWitness(
    { name: 'w', key, id: '', url },
    { body: 'old 0\n\n', checkpoint, timeoutMs, signal },
  );
}

const say = (status: number, type: string, body: string) => {
  respond = (_, response) => response.writeHead(status, { 'Content-Type': type }).end(body);
};

it('posts the body to the prefix, and takes the cosignature out of the answer', async () => {
  let asked = '';
  respond = (request, response) => {
    asked = `${request.method} ${request.url}`;
    response.end(line(stranger) + line(witness));
  };
  expect(await ask()).toEqual({ kind: 'cosigned', line: line(witness) });
  expect(asked).toBe('POST /prefix/add-checkpoint');
});

it('takes the newest cosignature where there are two', async () => {
  say(200, 'text/plain', line(witness, 5n) + line(witness, 9n) + line(witness, 7n));
  expect(await ask()).toEqual({ kind: 'cosigned', line: line(witness, 9n) });
});

it.each([
  ['a forged cosignature', line(witness, 1n, 'another text\n')],
  ['one good and one forged', line(witness) + line(witness, 2n, 'another text\n')],
  ['cosignatures of others only', line(stranger)],
  ['no line', ''],
  ['garbage', '<html>'],
  ['a line that is not ended', line(witness).trimEnd()],
  ['far too much', line(stranger).repeat(1_000)],
])('believes nothing of an answer with %s', async (_, body) => {
  say(200, 'text/plain', body);
  expect(await ask()).toMatchObject({ kind: 'fails' });
});

it('reads the size of a conflict, as the spec types it and no other way', async () => {
  say(409, 'text/x.tlog.size', '300\n');
  expect(await ask()).toEqual({ kind: 'conflict', size: 300 });
  for (const [type, body] of [
    ['text/plain', '300\n'],
    ['text/x.tlog.size', '300'],
    ['text/x.tlog.size', '0300\n'],
    ['text/x.tlog.size', '-1\n'],
    ['text/x.tlog.size', '99999999999999999999\n'],
    ['text/x.tlog.size', ''],
  ] as const) {
    say(409, type, body);
    expect([body, await ask()]).toMatchObject([body, { kind: 'fails' }]);
  }
});

it.each([
  [422, 'contradicts'],
  [403, 'declines'],
  [404, 'declines'],
  [400, 'fails'],
  [413, 'fails'],
  [429, 'fails'],
  [500, 'fails'],
  [204, 'fails'],
])('answers %i as something that %s', async (status, kind) => {
  say(status, 'text/plain', status === 204 ? '' : 'why\u001b[31m\nnot');
  const answer = await ask();
  expect(answer.kind).toBe(kind);
  // a stranger's words do not steer a terminal
  if ('why' in answer && status !== 204) expect(answer.why).toBe(`${status}: why [31m not`);
});

it('is not sent elsewhere', async () => {
  respond = (_, response) => response.writeHead(307, { Location: '/elsewhere' }).end();
  expect(await ask()).toMatchObject({ kind: 'fails' });
});

it('does not wait for one that never answers, answers for ever, or hangs up', async () => {
  respond = () => undefined;
  expect(await ask(100)).toMatchObject({ kind: 'fails' });
  respond = (_, response) => {
    response.write('— ');
  };
  expect(await ask(100)).toMatchObject({ kind: 'fails' });
  respond = (request) => request.socket.destroy();
  expect(await ask()).toMatchObject({ kind: 'fails' });
});

it('ends at once when it is told to', async () => {
  respond = () => undefined;
  expect(await ask(60_000, AbortSignal.timeout(20))).toMatchObject({ kind: 'fails' });
});
