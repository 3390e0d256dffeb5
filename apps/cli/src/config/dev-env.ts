import { dirname, join, resolve } from 'node:path';
import { CliError } from '../errors.ts';
import { readIfThere } from '../files.ts';
import { readJsonObject, stringField } from '../json-file.ts';

/** `.logline/dev/env.json`: the installation that `npm start` runs on this machine. */
export type DevEnv = {
  readonly path: string;
  readonly dir: string;
  readonly baseUrl?: string;
  readonly apiKey?: string;
  readonly tenant?: string;
  readonly operatorKeyFile?: string;
  readonly logKey?: string;
  readonly walletFile?: string;
  readonly passphraseFile?: string;
  readonly processes: Readonly<Record<string, number>>;
  /** How the ledger's maintenance is started. */
  readonly maintenance?: {
    readonly command: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  };
};

/** The nearest one, from a folder upwards; null when there is none. Paths in it are taken from the folder it stands in. */
export async function findDevEnv(from: string): Promise<DevEnv | null> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const path = join(folder, '.logline', 'dev', 'env.json');
    const bytes = await readIfThere(path).catch(() => null); // a folder we may not look into holds nothing for us
    if (bytes !== null) return parseDevEnv(path, bytes);
    if (dirname(folder) === folder) return null;
  }
}

function parseDevEnv(path: string, bytes: Uint8Array): DevEnv {
  const object = readJsonObject(bytes, path);
  const dir = dirname(path);
  const text = (name: string): string | undefined => stringField(object, name, path);
  const file = (name: string): string | undefined => {
    const value = text(name);
    return value === undefined ? undefined : resolve(dir, value);
  };
  const processes = object['processes'] ?? {};
  if (typeof processes !== 'object' || processes === null)
    throw new CliError('INVALID_INPUT', `${path}: processes is no object`);
  return {
    path,
    dir,
    baseUrl: text('baseUrl'),
    apiKey: text('apiKey'),
    tenant: text('tenant'),
    operatorKeyFile: file('operatorKeyFile'),
    logKey: text('logKey'),
    walletFile: file('walletFile'),
    passphraseFile: file('passphraseFile'),
    processes: Object.fromEntries(
      Object.entries(processes).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    ),
    maintenance: maintenanceIn(object['maintenance'], path),
  };
}

function maintenanceIn(value: unknown, path: string): DevEnv['maintenance'] {
  if (value === undefined) return undefined;
  const isRecord = (one: unknown): one is Readonly<Record<string, unknown>> =>
    typeof one === 'object' && one !== null && !Array.isArray(one);
  const isText = (one: unknown): one is string => typeof one === 'string';
  const { command, env } = isRecord(value) ? value : {};
  if (!Array.isArray(command) || !command.every(isText) || !isRecord(env))
    throw new CliError('INVALID_INPUT', `${path}: maintenance is no command with its environment`);
  return {
    command,
    env: Object.fromEntries(Object.entries(env).filter((pair): pair is [string, string] => isText(pair[1]))),
  };
}
