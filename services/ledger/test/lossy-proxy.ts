import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** Between a client and PostgreSQL. When told to, it lets the next COMMIT through and cuts the line before the answer. */
export class LossyProxy {
  readonly url: string;
  #loseNextCommit = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async open(target: string): Promise<LossyProxy> {
    const { hostname, port } = new URL(target);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = String(typeof address === 'object' && address !== null ? address.port : 0);
    const proxy = new LossyProxy(server, url.href);
    server.on('connection', (client) => proxy.#join(client, connect(Number(port), hostname)));
    return proxy;
  }

  loseNextCommit(): void {
    this.#loseNextCommit = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    let isLosing = false;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => (client.destroy(), server.destroy()));
    }
    client.on('data', (data) => {
      // the statement is prepared under its own name, so its name is on the wire each time
      if (this.#loseNextCommit && data.includes('commit\0')) {
        this.#loseNextCommit = false;
        isLosing = true;
      }
      server.write(data);
    });
    server.on('data', (data) => (isLosing ? client.destroy() : client.write(data)));
  }
}
