import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signerFromSeed, parseHex, type LocalSigner } from '@logline/canon-sign';
import { LogLineSDK, type LogLineConfig } from '@logline/sdk';
import { unlockWallet } from '@logline/wallet';

const root = fileURLToPath(new URL('..', import.meta.url));
const LOCAL = join(root, 'apps', 'local', 'dist', 'main.js');
const LOGLINE = join(root, 'apps', 'cli', 'bin', 'logline.js');

export type Env = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly tenant: string;
  readonly operatorKeyFile: string;
  readonly walletFile: string;
  readonly passphraseFile: string;
  readonly natsUrl: string;
  readonly postgresUrl: string;
  readonly logKey: string;
  readonly engine: { readonly kind: string; readonly socketPath: string };
  readonly processes: Readonly<Record<string, number>>;
};

export type CommandResult = {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** The whole system as `npm start` runs it, in a folder of its own, driven through its doors only. */
export class LocalSystem {
  readonly home: string;

  private constructor(home: string) {
    this.home = home;
  }

  /** @param prepare - what somebody would do in the folder before `npm start` */
  static async start(prepare?: (home: string) => Promise<void>): Promise<LocalSystem> {
    if (!existsSync(LOCAL)) throw new Error('not compiled: run npm run build, or npm test, which does');
    const home = await mkdtemp(join(tmpdir(), 'logline-e2e-'));
    // as root, PostgreSQL runs as another user and must be able to pass through
    await chmod(home, 0o755);
    await prepare?.(home);
    const system = new LocalSystem(home);
    await system.local(['start', '--detach', '--no-job']);
    return system;
  }

  async env(): Promise<Env> {
    return JSON.parse(await readFile(join(this.home, '.logline', 'dev', 'env.json'), 'utf8'));
  }

  /** Ends all of it and removes the folder. */
  async close(): Promise<void> {
    await this.local(['stop']);
    await rm(this.home, { recursive: true, force: true });
  }

  /** Runs apps/local. @throws when it fails, with what it printed */
  async local(args: readonly string[]): Promise<CommandResult> {
    const result = await runNode([LOCAL, ...args], { cwd: this.home, env: { LOGLINE_HOME: this.home } });
    if (result.code !== 0)
      throw new Error(
        `apps/local ${args.join(' ')} ended with ${result.code}:\n${result.stdout}\n${result.stderr}`,
      );
    return result;
  }

  /** Runs the `logline` command as somebody in this folder would. */
  async logline(
    args: readonly string[],
    options: { stdin?: string; cwd?: string; env?: Record<string, string> } = {},
  ): Promise<CommandResult> {
    return runNode([LOGLINE, ...args], {
      cwd: options.cwd ?? this.home,
      env: { ...this.commandEnv(), ...options.env },
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    });
  }

  /** Runs a shell script as printed, in which `npx logline` is this checkout's command. */
  async shell(script: string, cwd: string): Promise<CommandResult> {
    const prelude = `set -euo pipefail; npx() { shift; '${process.execPath}' '${LOGLINE}' "$@"; };\n`;
    return run('bash', ['-c', prelude + script], { cwd, env: this.commandEnv() });
  }

  private commandEnv(): Record<string, string> {
    return { LOGLINE_STATE_DIR: join(this.home, 'state'), LOGLINE_CONFIG_DIR: join(this.home, 'config') };
  }

  /** As `logline … --json`, which must succeed: its document. */
  async loglineJson(
    args: readonly string[],
    options: Parameters<LocalSystem['logline']>[1] = {},
  ): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.logline([...args, '--json'], options);
    if (code !== 0) throw new Error(`logline ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
    return JSON.parse(stdout);
  }

  /** The tenant's root key, out of its wallet. */
  async signer(): Promise<LocalSigner> {
    const { walletFile, passphraseFile } = await this.env();
    const wallet = unlockWallet(
      await readFile(walletFile),
      (await readFile(passphraseFile, 'utf8')).trimEnd(),
    );
    const [key] = wallet.keys;
    if (key === undefined) throw new Error('the wallet has no key');
    return signerFromSeed(key.kid, parseHex(key.seed, 32));
  }

  async sdk(config: Partial<LogLineConfig> = {}): Promise<LogLineSDK> {
    const { baseUrl, apiKey, tenant, logKey } = await this.env();
    return new LogLineSDK({ baseUrl, apiKey, tenant, logKey, signer: await this.signer(), ...config });
  }

  /** Kills one process as `kill -9` does, and waits until its supervisor has started it again. */
  async killAndRevive(name: string): Promise<void> {
    const before = (await this.env()).processes[name];
    if (before === undefined) throw new Error(`no process ${name}`);
    process.kill(before, 'SIGKILL');
    await until(async () => {
      const after = (await this.env()).processes[name];
      return after !== undefined && after !== before;
    }, `${name} started again`);
  }
}

/** Waits for a condition, looking a few times a second. @throws when it does not come about in time */
export async function until(
  condition: () => Promise<boolean> | boolean,
  what: string,
  withinMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`did not come about within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type RunOptions = { cwd: string; env: Record<string, string>; stdin?: string };

function runNode(args: readonly string[], options: RunOptions): Promise<CommandResult> {
  return run(process.execPath, args, options);
}

function run(command: string, args: readonly string[], options: RunOptions): Promise<CommandResult> {
  const child: ChildProcess = spawn(command, [...args], {
    cwd: options.cwd,
    env: { ...cleanEnv(), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin?.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Nothing of the test runner's own world, nor of the person's who runs it. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(LOGLINE_|VITEST|NODE_ENV|NODE_OPTIONS)/.test(name)),
  );
}
