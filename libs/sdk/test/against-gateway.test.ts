import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { blake3Hash } from '@logline/canon-sign';
import type { Ack, AckOk, Receipt, Span } from '@logline/contracts';
import { formatVkey, parseProof } from '@logline/tlog';
import { eventually, NOW_MS, SUBJECT, TENANT, testKey, testToken } from '@logline/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LogMaker } from '../../../services/gateway/test/log-maker.ts';
import {
  okAck,
  otherHalf,
  startGatewayWorld,
  type GatewayWorld,
  type Told,
} from '../../../services/gateway/test/gateway-world.ts';
import {
  LogLineSDK,
  NotFoundError,
  ReceiptInvalidError,
  UnauthorizedError,
  type LogLineConfig,
} from '../src/index.ts';

let world: GatewayWorld;
let half: Awaited<ReturnType<typeof otherHalf>>;
/** What becomes of a receipt before it is answered: a dishonest ledger is made here. */
let forge: (receipt: Receipt) => Receipt;
beforeAll(async () => {
  world = await startGatewayWorld();
  const port = await freePort();
  await world.restart({
    LOGLINE_GATEWAY_AUTHORITIES: `127.0.0.1:${port}`,
    LOGLINE_GATEWAY_HTTP_PORT: String(port),
  });
  half = await otherHalf(world.nc, (told) => log(told, world.log));
});
afterAll(async () => {
  await half.stop();
  await world.close();
});
beforeEach(() => {
  forge = (receipt) => receipt;
});

/** The SDK signs the authority it calls, so the gateway must know its port before it starts. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** As the ledger would: every span becomes a fact of the log, once. */
async function log({ request, bodies }: Told, into: LogMaker): Promise<{ position: number; ack: Ack }[]> {
  const spans = bodies.map((bytes) => ({ bytes, span: JSON.parse(Buffer.from(bytes).toString()) as Span }));
  const fresh = spans.filter(({ span }) => !into.spans.some((old) => old.span.this === span.this));
  if (fresh.length > 0) await into.append(...fresh);
  return request.spans.map(({ position }, i) => {
    const receipt = into.receipts.find(({ this: id }) => id === spans[i]?.span.this);
    const ack = okAck(request, bodies[i]);
    const isOld = !fresh.some(({ span }) => span.this === spans[i]?.span.this);
    return {
      position,
      ack: {
        ...ack,
        ...(receipt === undefined ? {} : { receipt: forge(receipt) }),
        ...(isOld ? { replayed: true } : {}),
      } as Ack,
    };
  });
}

const logKey = formatVkey(`logline.test/${TENANT}`, testKey('log').signer.publicKey);
const sdkOf = (more: Partial<LogLineConfig> = {}): LogLineSDK =>
  new LogLineSDK({
    baseUrl: world.gateway.url,
    apiKey: testToken().text,
    tenant: TENANT,
    signer: testKey('root').signer,
    logKey,
    ...more,
  });
const draft = { intent: 'deploy.stop', subject: SUBJECT, payload: { target: { provider: 'docker' } } };

it('appends by intent, subject and payload alone; the receipt verifies and the log has grown', async () => {
  const kept: Receipt[] = [];
  const sdk = sdkOf({ onReceipt: (receipt) => void kept.push(receipt) });
  for (let i = 0; i < 5; i += 1) {
    const [ack] = (await sdk.append({ ...draft, payload: { ...draft.payload, options: { nth: i } } })) as [
      AckOk,
    ];
    expect(ack).toMatchObject({ status: 'ok', receipt: { log: `logline.test/${TENANT}` } });
    expect(await sdk.receipt(ack.this)).toEqual(ack.receipt);
    const signed = await sdk.span(ack.this);
    expect(signed?.span).toMatchObject({
      ...draft,
      payload: { options: { nth: i } },
      entity_type: 'function',
      signature: { kid: 'root' },
    });
    expect(blake3Hash(signed?.bytes ?? new Uint8Array())).toBe(ack.receipt.hash);
  }
  expect(kept).toHaveLength(5);
  expect((await sdk.append([draft, draft])).map(({ status }) => status)).toEqual(['ok', 'ok']);
});

it('appends the very same span again and gets the same receipt', async () => {
  const sdk = sdkOf();
  const signed = await sdk.sign(draft);
  const [one] = (await sdk.appendSigned([signed])) as [AckOk];
  const [two] = (await sdk.appendSigned([signed])) as [AckOk];
  expect(two).toMatchObject({ replayed: true, receipt: one.receipt });
});

it('streams what is appended, from before the append to after it', async () => {
  const sdk = sdkOf();
  const seen: string[] = [];
  const since = new Date(NOW_MS).toISOString();
  const stop = sdk.stream({ subject: SUBJECT, intent: 'run_state.*', since }, ({ this: id }) =>
    seen.push(id),
  );
  const ids: string[] = [];
  for (const intent of ['run_state.pending', 'deploy.stop', 'run_state.running']) {
    const [ack] = (await sdk.append({ ...draft, intent })) as [AckOk];
    if (intent !== 'deploy.stop') ids.push(ack.this);
  }
  await eventually(() => expect(seen).toEqual(ids));
  stop();
  const { items } = await sdk.query({ subject: SUBJECT, intent: 'run_state.*' });
  expect(items.map((span) => span.this)).toEqual(ids);
  const polled: string[] = [];
  const end = new AbortController();
  for await (const { span } of sdkOf({ defaultTransport: 'polling' }).events(
    { subject: SUBJECT, intent: 'run_state.*', since },
    end.signal,
  )) {
    polled.push(span.this);
    if (polled.length === ids.length) end.abort();
  }
  expect(polled).toEqual(ids);
});

it('stores and reads artifacts, states and log files; what is not there is null', async () => {
  const sdk = sdkOf();
  const bytes = new Uint8Array(randomBytes(10_000));
  const hash = await sdk.putArtifact(bytes);
  expect(await sdk.putArtifact(bytes)).toBe(hash);
  expect(await sdk.artifact(hash)).toEqual(bytes);
  expect(await sdk.artifact(`blake3:${'0'.repeat(64)}`)).toBeNull();
  expect(await sdk.state(SUBJECT)).toMatchObject({
    subject: SUBJECT,
    head: expect.stringMatching(/^urn:span:/),
  });
  expect(await sdk.state('urn:minicontainer:acme/nothing')).toBeNull();
  expect(new TextDecoder().decode(await sdk.logFile('checkpoint'))).toBe(world.log.checkpoint);
  await expect(sdk.logFile('tile/0/999')).rejects.toThrowError(NotFoundError);
  const containers = [];
  for await (const one of sdk.containers()) containers.push(one.subject);
  expect(containers).toContain(SUBJECT);
});

it('speaks without a signer where nothing has to be signed, and says so where it has', async () => {
  const { signer: _signer, ...unsigned } = { signer: undefined };
  const reader = new LogLineSDK({
    baseUrl: world.gateway.url,
    apiKey: testToken().text,
    tenant: TENANT,
    ...unsigned,
  });
  const signed = await sdkOf().sign(draft);
  expect((await reader.append(signed.span))[0]?.status).toBe('ok');
  await expect(reader.append(draft)).rejects.toThrowError(/no signer/);
  await expect(reader.putArtifact(new Uint8Array([1]))).rejects.toThrowError(UnauthorizedError);
});

it('refuses a token of another tenant', async () => {
  await expect(sdkOf({ tenant: 'other', retries: 0 }).append(draft)).rejects.toThrowError(UnauthorizedError);
});

describe('a receipt is refused', () => {
  it.each<[string, (receipt: Receipt) => Receipt]>([
    ['another log time', (receipt) => ({ ...receipt, ts: '2030-01-01T00:00:00.000Z' })],
    ['another index', (receipt) => ({ ...receipt, index: receipt.index + 1 })],
    ['another signature', (receipt) => ({ ...receipt, signature: `${'A'.repeat(86)}==` })],
    ['another proof', () => world.log.receipts[0] as Receipt],
  ])('that has %s', async (name, change) => {
    forge = name === 'another proof' ? (receipt) => ({ ...receipt, merkle: change(receipt).merkle }) : change;
    await expect(sdkOf().append(draft)).rejects.toThrowError(ReceiptInvalidError);
  });

  it('that is of a log with another history than it showed before', async () => {
    const sdk = sdkOf();
    await sdk.append(draft);
    await world.untilProjected();
    // the same key signs a second log of the same name: the receipts verify, each for itself
    const fork = new LogMaker(world.nc, TENANT);
    fork.seal(...world.log.spans.slice(0, 3));
    const own = await sdk.sign(draft);
    const [receipt] = fork.seal(own).receipts;
    forge = (honest) => receipt ?? honest;
    await expect(sdk.appendSigned([own])).rejects.toThrowError(/did not only grow/);
  });

  it('that does not follow from the checkpoint known from before', async () => {
    const known = parseProof(world.log.receipts[1]?.merkle ?? '').checkpoint;
    const [ack] = await sdkOf({ knownCheckpoint: known }).append(draft);
    expect(ack?.status).toBe('ok');
    expect(() => sdkOf({ knownCheckpoint: known.replace('\n2\n', '\n3\n') })).toThrowError(
      /signature|signed/i,
    );
  });
});

it('an append does not fail because the tiles that would show growth are late, but not for ever', async () => {
  let isLate = true;
  const fetchImpl: typeof fetch = (input, init) =>
    isLate && String(input).includes('/tile/')
      ? Promise.resolve(new Response('', { status: 404 }))
      : fetch(input, init);
  const sdk = sdkOf({ fetchImpl });
  for (let i = 0; i < 5; i += 1) expect((await sdk.append(draft))[0]?.status).toBe('ok');
  isLate = false;
  expect((await sdk.append(draft))[0]?.status).toBe('ok');
  isLate = true;
  const many = Array.from({ length: 102 }, () => draft);
  await expect(sdk.append(many)).rejects.toThrowError(/has not shown/);
});
