import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Witness, WitnessAnswer } from './witness.ts';
import type { WitnessStore } from './witness-store.ts';

export type WitnessServerParts = {
  readonly witness: Pick<Witness, 'addCheckpoint'>;
  readonly store: Pick<WitnessStore, 'read'>;
  /** What comes before `/add-checkpoint`; empty or `/…` without a slash at its end. */
  readonly prefix: string;
  /** Once for each request, when it is answered. */
  readonly answered: (what: Answered) => void;
};
export type Answered = {
  readonly route: 'add-checkpoint' | 'checkpoint' | 'other';
  readonly status: number;
  readonly ms: number;
  readonly origin?: string | undefined;
  readonly answer?: WitnessAnswer;
  readonly error?: unknown;
};

/** Sixteen signatures of 5 kB and more; what a proof and a text take is nothing beside it. */
const MAX_BODY_BYTES = 128 * 1024;
const MAX_CONNECTIONS = 512;

/**
 * The HTTP doors of C2SP tlog-witness. Bodies, headers, connections and the time each may take are bounded, so that whoever sends
 * slowly or much costs little: at most 64 MiB of bodies are ever held.
 */
export function witnessServer(parts: WitnessServerParts): Server {
  const server = createServer(
    {
      maxHeaderSize: 8 * 1024,
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 60_000,
    },
    (request, response) => void serve(request, response, parts),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = 10_000;
  // an answer that is not taken
  server.timeout = 20_000;
  return server;
}

/** Resolves to the URL once it listens. */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  server.listen(port, host);
  await once(server, 'listening');
  // a TCP server's address is never a string
  const { port: bound } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
}

/** Requests that have arrived are answered, within five seconds; nothing new is taken. */
export async function drain(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // a connection is idle again once its answer is out: it would be kept for the next request
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const patience = setTimeout(() => server.closeAllConnections(), 5_000);
  await closed;
  clearInterval(idle);
  clearTimeout(patience);
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  parts: WitnessServerParts,
): Promise<void> {
  const startMs = performance.now();
  let answered: Omit<Answered, 'ms' | 'status'> = { route: 'other' };
  response.once('close', () =>
    parts.answered({ ...answered, status: response.statusCode, ms: performance.now() - startMs }),
  );
  try {
    answered = await route(request, response, parts);
  } catch (error) {
    answered = { ...answered, error };
    if (!response.headersSent) send(response, 500, 'the witness could not keep its promise and made none');
  }
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  { witness, store, prefix }: WitnessServerParts,
): Promise<Omit<Answered, 'ms' | 'status'>> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  if (path === `${prefix}/add-checkpoint`) {
    if (request.method !== 'POST') return refuseMethod(response, 'POST');
    const body = await readBody(request);
    if (body === null) {
      response.setHeader('Connection', 'close');
      send(response, 413, `a request has at most ${MAX_BODY_BYTES} bytes`);
      return { route: 'add-checkpoint' };
    }
    const { origin, answer } = await witness.addCheckpoint(body);
    sendAnswer(response, answer);
    return { route: 'add-checkpoint', origin, answer };
  }
  const originHash = path.startsWith(`${prefix}/`)
    ? /^([0-9a-f]{64})\/checkpoint$/.exec(path.slice(prefix.length + 1))?.[1]
    : undefined;
  if (originHash === undefined) {
    send(response, 404, 'there is only /add-checkpoint and /<hex SHA-256 of an origin>/checkpoint');
    return { route: 'other' };
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuseMethod(response, 'GET, HEAD');
  const note = await store.read(originHash);
  response.setHeader('Cache-Control', 'no-cache');
  if (note === null) send(response, 404, 'nothing was cosigned for this log');
  else response.setHeader('Content-Type', TEXT).end(note);
  return { route: 'checkpoint' };
}

const TEXT = 'text/plain; charset=utf-8';

function sendAnswer(response: ServerResponse, answer: WitnessAnswer): void {
  switch (answer.status) {
    case 200:
      response.setHeader('Content-Type', TEXT).end(answer.cosignature);
      return;
    case 409:
      response.statusCode = 409;
      response.setHeader('Content-Type', 'text/x.tlog.size').end(`${answer.latestSize}\n`);
      return;
    case 503:
      response.setHeader('Retry-After', '1');
      send(response, 503, answer.why);
      return;
    case 400:
    case 403:
    case 404:
    case 422:
      send(response, answer.status, answer.why);
  }
}

function refuseMethod(response: ServerResponse, allow: string): Omit<Answered, 'ms' | 'status'> {
  response.setHeader('Allow', allow);
  send(response, 405, `only ${allow} is answered here`);
  return { route: 'other' };
}

function send(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', TEXT).end(`${text}\n`);
}

/** Null when there is more of it than is read. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | null> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return null;
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  // left early it must not be destroyed: the sender still hears why
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
