import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { parseBase64url } from '@logline/canon-sign';
import { headersOf, type CallOptions } from './gateway-world.ts';

export type Event = { readonly id: string | undefined; readonly data: string };

/** One SSE connection, parsed by the letter of the HTML standard §9.2.6 as far as the gateway uses it. */
export class SseClient {
  readonly events: Event[] = [];
  comments = 0;
  status = 0;
  text = '';
  headers: IncomingMessage['headers'] = {};
  /** Resolves when the server, or we, ended it. */
  readonly closed: Promise<void>;
  /** Resolves with the head of the answer. */
  readonly opened: Promise<void>;
  readonly #request: ClientRequest;
  #response: IncomingMessage | undefined;
  #rest = '';

  constructor(
    base: string,
    target: string,
    options: CallOptions & {
      readonly onEvent?: (event: Event, client: SseClient) => void;
      readonly isPaused?: boolean;
    } = {},
  ) {
    const url = new URL(base);
    const { onEvent, isPaused, ...call } = options;
    let markOpened = (): void => undefined;
    let markClosed = (): void => undefined;
    this.opened = new Promise((resolve) => (markOpened = resolve));
    this.closed = new Promise((resolve) => (markClosed = resolve));
    this.#request = request(
      { host: url.hostname, port: url.port, path: target, headers: headersOf(target, call), agent: false },
      (response) => {
        this.#response = response;
        this.status = response.statusCode ?? 0;
        this.headers = response.headers;
        markOpened();
        response.on('close', markClosed);
        response.on('error', () => undefined);
        if (isPaused === true) return;
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          this.text += chunk.slice(0, 1000);
          this.#rest += chunk;
          const blocks = this.#rest.split('\n\n');
          this.#rest = blocks.pop() ?? '';
          for (const block of blocks) this.#take(block, onEvent);
        });
      },
    );
    this.#request.on('error', () => {
      markOpened();
      markClosed();
    });
    this.#request.end();
  }

  /** Cuts the line, wherever it is. */
  destroy(): void {
    this.#request.destroy();
    this.#response?.destroy();
  }

  #take(block: string, onEvent: ((event: Event, client: SseClient) => void) | undefined): void {
    let id: string | undefined;
    let data: string | undefined;
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) this.comments += 1;
      if (line.startsWith('id: ')) id = line.slice(4);
      if (line.startsWith('data:')) data = line.slice(5).trimStart();
    }
    if (data === undefined || this.#request.destroyed) return;
    const event = { id, data };
    this.events.push(event);
    onEvent?.(event, this);
  }
}

/** Log index that a cursor stands behind. */
export function indexOf(cursor: string | undefined): number {
  return Number(new TextDecoder().decode(parseBase64url(cursor ?? '')).slice('c1.'.length));
}
