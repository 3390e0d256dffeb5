import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { LineFault } from './schedule.ts';

/** The wire between the ledgers and PostgreSQL, and what happens to it. */
export class Line {
  readonly url: string;
  readonly #server: Server;
  readonly #target: { readonly port: number; readonly host: string };
  readonly #sockets = new Set<Socket>();
  #fault: { readonly how: LineFault; readonly forMs: number; readonly onHit: () => void } | undefined;

  private constructor(server: Server, url: string, target: { port: number; host: string }) {
    this.#server = server;
    this.url = url;
    this.#target = target;
    server.on('connection', (client) => this.#join(client));
  }

  static async open(target: string): Promise<Line> {
    const { hostname: host, port } = new URL(target);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = String(typeof address === 'object' && address !== null ? address.port : 0);
    return new Line(server, url.href, { port: Number(port), host });
  }

  /** `slow` and `silence` begin now and last until `mend`; the others wait for the next COMMIT, once. */
  break(how: LineFault, forMs: number, onHit: () => void): void {
    this.#fault = { how, forMs, onHit };
    if (how === 'slow' || how === 'silence') onHit();
  }

  mend(): void {
    this.#fault = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    const server = connect(this.#target.port, this.#target.host);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    let isLate = false;
    const up = new Lane(() => this.#fault);
    const down = new Lane(() => this.#fault);
    client.on('close', () => {
      if (!isLate) server.destroy();
    });
    server.on('close', () => client.destroy());
    client.on('data', (data) => {
      const fault = this.#fault;
      // the statement is prepared under its own name, so its name is on the wire each time
      if (fault === undefined || isContinuous(fault.how) || !data.includes('commit\0'))
        return up.pass(data, (bytes) => server.write(bytes));
      this.#fault = undefined;
      switch (fault.how) {
        case 'lose answer':
          server.write(data);
          server.removeAllListeners('data');
          server.on('data', () => client.destroy());
          break;
        case 'lose request':
          client.destroy();
          server.destroy();
          break;
        case 'late commit':
          isLate = true;
          client.destroy();
          setTimeout(() => server.end(data), fault.forMs);
          break;
        case 'slow':
        case 'silence':
          break;
      }
      fault.onHit();
    });
    server.on('data', (data) => down.pass(data, (bytes) => client.write(bytes)));
  }
}

function isContinuous(how: LineFault): boolean {
  return how === 'slow' || how === 'silence';
}

/** One direction: in order, each piece as late as the fault of the moment makes it. */
class Lane {
  readonly #fault: () => { readonly how: LineFault; readonly forMs: number } | undefined;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(fault: () => { readonly how: LineFault; readonly forMs: number } | undefined) {
    this.#fault = fault;
  }

  pass(data: Uint8Array, write: (data: Uint8Array) => void): void {
    if (this.#waiting === 0 && this.#fault() === undefined) return write(data);
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      const begun = this.#fault();
      if (begun?.how === 'slow') await wait(Math.min(50, begun.forMs / 10));
      while (this.#fault()?.how === 'silence') await wait(10);
      this.#waiting--;
      write(data);
    });
  }
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
