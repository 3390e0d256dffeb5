import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { EngineError } from '../errors.ts';
import { waitUntil } from './wait.ts';

const HIGHEST_PORT = 65_535;
const STEPS = 100;
/**
 * "Any" port is one below those that systems lend to outgoing connections: a client that keeps dialling a server which
 * is down would sooner or later be lent that very port, connect to itself, and keep the server out.
 */
const LOWEST_OF_ANY = 20_000;
const HIGHEST_OF_ANY = 32_000;
const FREED_WITHIN_MS = 2_000;

/**
 * A TCP port on 127.0.0.1 that is free now: `preferred` itself, else one of the next 100, else any. Nobody holds it for
 * the caller, so whoever binds it must be ready to ask again.
 *
 * @throws EngineError `INVALID_OPTION` if `preferred` is no port number
 */
export async function findFreePort(preferred = 0): Promise<number> {
  if (!isPort(preferred)) throw new EngineError('INVALID_OPTION', `no port number: ${String(preferred)}`);
  for (let port = preferred; port !== 0 && port < preferred + STEPS && port <= HIGHEST_PORT; port += 1) {
    if (await isPortFree(port)) return port;
  }
  for (let step = 0; step < STEPS; step += 1) {
    const port = randomInt(LOWEST_OF_ANY, HIGHEST_OF_ANY);
    if (await isPortFree(port)) return port;
  }
  return await bindOnce(0);
}

/**
 * Makes sure that a server can have this port, which the one before it may just be leaving.
 *
 * @throws EngineError `PORT_BUSY` if somebody keeps it
 */
export async function expectPortFree(port: number): Promise<void> {
  if (await waitUntil(() => isPortFree(port), { withinMs: FREED_WITHIN_MS })) return;
  throw new EngineError('PORT_BUSY', `port ${port} on 127.0.0.1 is taken`);
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await bindOnce(port).catch(() => 0)) === port;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= HIGHEST_PORT;
}

function bindOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(bound));
    });
  });
}
