import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

export type Seen = {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
};
export type Step = (response: ServerResponse, seen: Seen) => void;

export type ScriptedServer = {
  readonly url: string;
  readonly seen: readonly Seen[];
  /** What the next requests get, one step each; the last one stays. */
  script(...steps: readonly Step[]): void;
  close(): Promise<void>;
};

/** A real HTTP server on a real socket that does what it is told, however bad. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  let steps: Step[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = await buffer(request).catch(() => Buffer.alloc(0));
      const one = { method: request.method ?? '', target: request.url ?? '', headers: request.headers, body };
      seen.push(one);
      const step = steps.length > 1 ? steps.shift() : steps[0];
      step?.(response, one);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    script: (...next) => {
      steps = [...next];
      seen.length = 0;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const json =
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Step =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

export const problem =
  (code: string, more: object = {}, headers: Readonly<Record<string, string>> = {}): Step =>
  (response) => {
    const status = Number(code.slice(0, 3));
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
    const body = {
      type: 'urn:x',
      title: 't',
      status,
      detail: 'd',
      code,
      trace_id: 'f'.repeat(32),
      retryable: false,
    };
    response.end(JSON.stringify({ ...body, ...more }));
  };

/** Takes the request and says nothing. */
export const stall: Step = () => undefined;
/** Hangs up. */
export const drop: Step = (response) => response.socket?.destroy();
/** Hangs up in the middle of the answer. */
export const dropHalfway: Step = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('[{"status":');
  setTimeout(() => response.socket?.destroy(), 10);
};
