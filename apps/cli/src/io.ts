import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import type { Readable } from 'node:stream';

/** All of the world that a command touches beside files and the network, so that tests can stand in for it. */
export type Io = {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  nowMs(): number;
  random(bytes: number): Uint8Array;
};

export type Sink = {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
};

export function processIo(signal: AbortSignal): Io {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    signal,
    nowMs: () => Date.now(),
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
  };
}
