import { randomBytes } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import { isErrno } from '../files.ts';

/** Longest path of a Unix socket that every system takes. */
const LONGEST_PATH = 100;

/**
 * One process per folder. A socket in the folder is the lock: the kernel knows whether somebody listens on it, so a killed
 * owner is never taken for a living one, nor another process with its id. What is written under the lock asks `isHeld` first.
 */
export class FolderLock {
  readonly #server: Server;
  readonly #path: string;
  readonly #inode: number;

  private constructor(server: Server, path: string, inode: number) {
    this.#server = server;
    this.#path = path;
    this.#inode = inode;
  }

  /** @throws CliError `CONFLICT` while another process holds it; `INVALID_INPUT` where no socket can be */
  static async take(folder: string): Promise<FolderLock> {
    const path = join(folder, 'lock');
    if (Buffer.byteLength(path) > LONGEST_PATH)
      throw new CliError('INVALID_INPUT', `the path ${path} is too long for a socket`, {
        fix: `use a folder whose path is shorter than ${LONGEST_PATH} bytes`,
      });
    for (let attempt = 0; attempt < 3; attempt++) {
      const server = await listen(path);
      if (server !== null) return new FolderLock(server, path, (await stat(path)).ino);
      if (await isListenedTo(path)) break;
      await moveAside(path);
    }
    throw new CliError('CONFLICT', `another process uses ${folder}`, {
      fix: 'one witness, one folder, one process: stop the other one first',
    });
  }

  /** False once somebody else has taken the folder, whatever this process believed. */
  async isHeld(): Promise<boolean> {
    try {
      return (await stat(this.#path)).ino === this.#inode;
    } catch {
      return false;
    }
  }

  /** Closing removes the socket. */
  release(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Null when there is such a socket already. */
function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (cause) => {
      if (isErrno(cause, 'EADDRINUSE')) resolve(null);
      else
        reject(
          new CliError('INVALID_INPUT', `${path} cannot be made: ${cause.message}`, {
            cause,
            fix: 'logline witness init makes the folder',
          }),
        );
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function isListenedTo(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    // refused: its owner is gone. Anything else than a clear no is a yes
    socket.once('error', (error) => resolve(!isErrno(error, 'ECONNREFUSED') && !isErrno(error, 'ENOENT')));
  });
}

/** By name first, so that a socket that somebody has made meanwhile is not deleted unseen. */
async function moveAside(path: string): Promise<void> {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return;
    throw cause;
  }
  if (await isListenedTo(aside)) {
    await rename(aside, path);
    throw new CliError('CONFLICT', `another process has just taken ${path}`);
  }
  await rm(aside, { force: true });
}
