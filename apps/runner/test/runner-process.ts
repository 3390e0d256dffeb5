import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatVkey } from '@logline/tlog';
import { TEST_ORIGIN, testKey } from '@logline/testing';
import type { Tenant } from './tenant.ts';

/** A runner of a tenant as a process that can be killed; journal and secrets stay for the next one. */
export class RunnerProcess {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'logline-runner-'));
  readonly secrets: string;
  readonly #tenant: Tenant;
  readonly #feed: string;
  readonly #engine: { readonly socketPath: string; readonly busyboxPath: string };
  #child: ChildProcess | undefined;
  #isKept = false;
  deaths = 0;
  output = '';

  constructor(
    tenant: Tenant,
    feed: string,
    engine: { readonly socketPath: string; readonly busyboxPath: string },
  ) {
    this.#tenant = tenant;
    this.#feed = feed;
    this.#engine = engine;
    this.secrets = `/dev/shm/logline-runner-test-${tenant.tenant}`;
  }

  /** Starts it, and starts it again whenever it dies of a crash; the second time it is not made to crash. */
  keep(crashAt?: string): void {
    this.#isKept = true;
    this.#start(crashAt);
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#isKept = false;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  loseJournal(): void {
    rmSync(join(this.directory, 'journal'), { recursive: true, force: true });
  }

  /** Everything it has on disk, as text. */
  journal(): string {
    const directory = join(this.directory, 'journal');
    return readdirSync(directory)
      .map((name) => readFileSync(join(directory, name), 'utf8'))
      .join('');
  }

  journalBytes(): number {
    return statSync(join(this.directory, 'journal', 'journal.ndjson')).size;
  }

  dispose(): void {
    rmSync(this.directory, { recursive: true, force: true });
    rmSync(this.secrets, { recursive: true, force: true });
  }

  #start(crashAt?: string): void {
    const { tenant, provider } = this.#tenant;
    const program = fileURLToPath(new URL('./runner-child.ts', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=@logline/source', program], {
      env: {
        PATH: process.env['PATH'],
        TENANT: tenant,
        FEED: this.#feed,
        PROVIDER: provider,
        SOCKET: this.#engine.socketPath,
        LENT_SHELL: this.#engine.busyboxPath,
        LOG_KEY: formatVkey(`${TEST_ORIGIN}/${tenant}`, testKey('log').signer.publicKey),
        JOURNAL: join(this.directory, 'journal'),
        SECRETS: this.secrets,
        ...(crashAt === undefined ? {} : { CRASH_AT: crashAt }),
      },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    this.#child = child;
    child.stderr?.on('data', (bytes: Buffer) => (this.output += bytes.toString()));
    child.once('exit', (_, signal) => {
      this.deaths++;
      if (signal === 'SIGKILL' && this.#isKept) this.#start();
    });
  }
}
