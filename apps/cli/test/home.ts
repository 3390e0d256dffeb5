import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Io } from '../src/io.ts';
import { run } from '../src/run.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- what a command printed: tests look into it as they go
export type Printed = any;

export type Answer = {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly json: Printed;
};

/** A person with a folder of their own: a home, a working folder, a passphrase, and commands to run. */
export class Person {
  readonly dir: string;
  readonly env: Record<string, string>;

  private constructor(dir: string) {
    this.dir = dir;
    this.env = { LOGLINE_PASSPHRASE_FILE: join(dir, 'passphrase'), LOGLINE_WALLET: join(dir, 'wallet.json') };
  }

  static async make(): Promise<Person> {
    const person = new Person(await mkdtemp(join(tmpdir(), 'logline-cli-')));
    await writeFile(join(person.dir, 'passphrase'), 'correct horse battery staple\n', { mode: 0o600 });
    return person;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Runs one command in-process; with `stdin` as if it were piped in. */
  async run(
    args: readonly string[],
    { stdin = '', env = {} }: { stdin?: string | Uint8Array; env?: Record<string, string> } = {},
  ): Promise<Answer> {
    let out = '';
    let err = '';
    const input = new PassThrough();
    input.end(stdin);
    const io: Io = {
      stdin: input,
      stdout: {
        write: (text) => void (out += typeof text === 'string' ? text : Buffer.from(text).toString()),
      },
      stderr: {
        write: (text) => void (err += typeof text === 'string' ? text : Buffer.from(text).toString()),
      },
      env: { ...this.env, ...env },
      cwd: this.dir,
      home: this.dir,
      signal: new AbortController().signal,
      nowMs: () => Date.now(),
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    };
    const code = await run(args, io, '0');
    return { code, out, err, json: parse(out) ?? parse(err) };
  }

  /** As `run` with --json, for commands that must succeed. */
  async must(
    args: readonly string[],
    options: { stdin?: string | Uint8Array; env?: Record<string, string> } = {},
  ): Promise<Printed> {
    const answer = await this.run([...args, '--json'], options);
    if (answer.code !== 0)
      throw new Error(`logline ${args.join(' ')} gave ${answer.code}: ${answer.err}${answer.out}`);
    return answer.json;
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

function parse(text: string): unknown {
  for (const candidate of [text, text.trim().split('\n').at(-1) ?? '']) {
    try {
      return JSON.parse(candidate);
    } catch {
      continue;
    }
  }
  return undefined;
}
