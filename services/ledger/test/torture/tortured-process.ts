import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { LogLine } from '../ledger-process.ts';
import type { Order, Report } from './orders.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const MOST_LINES = 400;

export type ProcessEars = {
  readonly onReport: (report: Report, from: TorturedProcess) => void;
  /** It has ended, by whatever. */
  readonly onExit: (gone: TorturedProcess) => void;
};

/** The service, or a chore of it, with `steps.ts` in front: a process that does as told, and can be killed between any two steps. */
export class TorturedProcess {
  readonly pid: number;
  readonly lines: LogLine[] = [];
  readonly ready: Promise<void>;
  /** With its exit code; null when it was killed. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #isLeading = false;
  #isAlive = true;

  /** @param command - a script, and its arguments */
  constructor(command: readonly string[], env: Readonly<Record<string, string>>, ears: ProcessEars) {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--import', join(HERE, 'steps.ts'), ...command],
      {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
      },
    );
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.exited = once(child, 'exit').then(() => {
      this.#isAlive = false;
      this.#isLeading = false;
      ears.onExit(this);
      return child.exitCode;
    });
    child.on('error', () => undefined); // an order to one that has just died
    const [, stdout, stderr, , reports] = child.stdio;
    this.ready = new Promise((resolve) => {
      void this.exited.then(() => resolve());
      readLines(stdout, (text) => {
        const line = parseLine(text);
        this.#note(line);
        if (line.msg === 'leading') this.#isLeading = true;
        if (line.msg === 'standby') this.#isLeading = false;
        if (line.msg === 'ready') resolve();
      });
    });
    readLines(stderr, (msg) => this.#note({ level: 'stderr', msg }));
    readLines(reports, (text) => ears.onReport(JSON.parse(text) as Report, this)); // our own preload wrote it
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** By its own word. */
  get isLeading(): boolean {
    return this.#isLeading;
  }

  order(order: Order): void {
    if (this.#isAlive && this.#child.connected) this.#child.send(order, () => undefined);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#isAlive) this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  #note(line: LogLine): void {
    this.lines.push(line);
    if (this.lines.length > MOST_LINES) this.lines.splice(0, MOST_LINES / 2);
  }
}

function readLines(stream: unknown, onLine: (text: string) => void): void {
  createInterface({ input: stream as Readable }).on('line', onLine); // piped, so it is there
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine; // pino writes one object a line
  } catch {
    return { level: 'stdout', msg: text };
  }
}
