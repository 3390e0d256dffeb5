import { readFile, rename, writeFile } from 'node:fs/promises';
import { isProcessAlive, readProcessStart } from '@logline/engines';

/** What the CLI and scripts need to speak to this installation: `.logline/dev/env.json`. */
export type EnvFile = {
  readonly baseUrl: string;
  /** Absent only while the tenant is being made. */
  readonly apiKey?: string;
  readonly tenant: string;
  readonly operatorKeyFile: string;
  readonly walletFile: string;
  readonly passphraseFile: string;
  readonly natsUrl: string;
  readonly postgresUrl: string;
  readonly logKey: string;
  /** How the ledger's maintenance is started (`logline ledger …`); secrets stand in files. */
  readonly maintenance?: {
    readonly command: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  };
  /** The container engine the runner drives; absent where there is none. */
  readonly engine?: { readonly kind: string; readonly socketPath: string };
  readonly processes: Readonly<Record<string, number>>;
  /** When each of them started, by `readProcessStart`: a pid alone may be somebody else's after a reboot. */
  readonly started?: Readonly<Record<string, string | null>>;
};

/** Replaces the file in one step; readers see the old one or the new one, never half of either. */
export async function writeEnvFile(path: string, env: EnvFile): Promise<void> {
  const next = `${path}.${process.pid}`;
  await writeFile(next, `${JSON.stringify(env, null, 2)}\n`, { mode: 0o600 });
  await rename(next, path);
}

export async function readEnvFile(path: string): Promise<EnvFile | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as EnvFile; // we wrote it
  } catch {
    return null;
  }
}

export function startsOf(
  processes: Readonly<Record<string, number>>,
): Readonly<Record<string, string | null>> {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, readProcessStart(pid)]));
}

/** Whether the supervisor that wrote the file still runs. */
export function isRunning(env: EnvFile | null): boolean {
  const pid = env?.processes['supervisor'];
  return pid !== undefined && isProcessAlive(pid, env?.started?.['supervisor']);
}
