import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { toTargetError } from './engine-errors.ts';
import { TargetError } from './errors.ts';

/** How long the engine may take to open the connection, and the process to read its secrets. */
const ATTACH_WITHIN_MS = 30_000;

/** A way into the stdin of a container that has not started yet. */
export type Stdin = {
  /** Writes everything and closes. @throws TargetError `HANDOFF_FAILED` when the other side is gone */
  hand(bytes: Uint8Array): Promise<void>;
  close(): void;
};

/**
 * A raw connection upgrade: dockerode's own attach writes its JSON options into the stream of a Podman container as first bytes.
 * @throws TargetError `ENGINE_UNREACHABLE`, `ENGINE_REFUSED`
 */
export async function attachStdin(socketPath: string, container: string): Promise<Stdin> {
  const socket = await new Promise<Duplex>((resolve, reject) => {
    const attach = request({
      socketPath,
      method: 'POST',
      path: `/containers/${container}/attach?stream=1&stdin=1`,
      headers: { Connection: 'Upgrade', Upgrade: 'tcp', 'Content-Length': 0 },
      timeout: ATTACH_WITHIN_MS,
    });
    attach.once('upgrade', (_, upgraded) => resolve(upgraded));
    attach.once('response', (response) => {
      text(response).then(
        (body) => reject(toTargetError('attach', { statusCode: response.statusCode, message: body })),
        (cause: unknown) => reject(toTargetError('attach', cause)),
      );
    });
    attach.once('timeout', () => attach.destroy(new Error('timed out')));
    attach.once('error', (cause) => reject(toTargetError('attach', cause)));
    attach.end();
  });
  // a socket that fails later must not take the process with it
  socket.on('error', () => undefined);
  socket.resume();
  return { hand: (bytes) => hand(socket, bytes), close: () => socket.destroy() };
}

function hand(socket: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: Error | null) =>
      reject(
        new TargetError('HANDOFF_FAILED', 'the process was gone before it had read its secrets', { cause }),
      );
    const timer = setTimeout(() => {
      fail();
      socket.destroy();
    }, ATTACH_WITHIN_MS);
    if (socket.destroyed) {
      clearTimeout(timer);
      fail();
      return;
    }
    socket.end(bytes, () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once('error', (cause) => {
      clearTimeout(timer);
      fail(cause);
    });
  });
}
