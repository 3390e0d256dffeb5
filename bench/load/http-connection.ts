import { connect, type Socket } from 'node:net';

/** Where the answer that is coming in ends. */
type AnswerEnd = { readonly status: number; readonly headLength: number; readonly at: number };

export type HttpAnswer = { readonly status: number; readonly body: Buffer };

/**
 * One kept-alive HTTP/1.1 connection, one request at a time, requests ready-made. No client library: the load generator shares two cores with what it
 * measures, and `fetch` alone would take a tenth of them. Understands answers with a Content-Length, which are all that the gateway's doors give.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  /** Bytes in `#chunks`. */
  #received = 0;
  #end: AnswerEnd | undefined;
  #settle:
    | { readonly resolve: (answer: HttpAnswer) => void; readonly reject: (error: Error) => void }
    | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the gateway closed the connection')));
  }

  static open({ hostname, port }: URL): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.once('error', reject);
      socket.once('connect', () => resolve(new HttpConnection(socket)));
    });
  }

  send(request: Buffer): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#received += chunk.length;
    this.#end ??= this.#readHead();
    if (this.#end === undefined || this.#received < this.#end.at) return;
    const { status, headLength, at } = this.#end;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = all.length > at ? [all.subarray(at)] : [];
    this.#received = all.length - at;
    this.#end = undefined;
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve({ status, body: all.subarray(headLength, at) });
  }

  /** Undefined while the head is not there as a whole. */
  #readHead(): AnswerEnd | undefined {
    const start = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    const headEnd = start?.indexOf('\r\n\r\n') ?? -1;
    if (start === undefined || headEnd === -1) return undefined;
    const head = start.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#fail(new Error(`an answer without its length: ${head}`));
      return undefined;
    }
    const headLength = headEnd + 4;
    return { status: Number(head.slice(9, 12)), headLength, at: headLength + Number(length) };
  }

  #fail(error: Error): void {
    this.#settle?.reject(error);
    this.#settle = undefined;
  }
}
