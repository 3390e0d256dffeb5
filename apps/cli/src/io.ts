import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';

/** All of the world that a command touches beside files and the network, so that tests can stand in for it. */
export type Io = {
  readonly stdin: Input;
  /** The terminal itself, where stdin is something else: a secret may be piped in while the passphrase is typed. Null where there is none. */
  openTerminal?(): Input | null;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Calls `stop` on SIGTERM, where the process would else end at once; `reload` on SIGHUP. For what serves others. */
  onSignals?(stop: () => void, reload: () => void): void;
  nowMs(): number;
  random(bytes: number): Uint8Array;
};

export type Input = Readable & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };

export type Sink = {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
};

export function processIo(signal: AbortSignal, onSignals: NonNullable<Io['onSignals']>): Io {
  return {
    stdin: process.stdin,
    openTerminal,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    signal,
    onSignals,
    nowMs: () => Date.now(),
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
  };
}

function openTerminal(): Input | null {
  try {
    return new ReadStream(openSync('/dev/tty', 'r'));
  } catch {
    return null; // a service, a container, a pipeline: nobody is there
  }
}
