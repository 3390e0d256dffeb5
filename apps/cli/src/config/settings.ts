import { isName } from '@logline/contracts';
import { join, resolve } from 'node:path';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';
import { type DevEnv, findDevEnv } from './dev-env.ts';
import { defaultWalletPath, stateDir } from './paths.ts';
import { DEFAULT_PROFILE, type Profile, readProfile } from './profile.ts';

/** Options that every command takes. */
export type GlobalOptions = {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly color?: boolean;
  readonly input?: boolean;
  readonly timeout?: number;
  readonly profile?: string;
  readonly baseUrl?: string;
  readonly tenant?: string;
  readonly wallet?: string;
};

/** Everything that configures a command, and where each piece came from (`logline doctor` shows it). */
export type Settings = {
  readonly baseUrl?: string;
  readonly tenant?: string;
  /** Only together with the tenant it belongs to; another tenant's comes from the wallet. */
  readonly apiKey?: string;
  readonly apiKeyTenant?: string;
  readonly logKey?: string;
  readonly operatorKeyFile?: string;
  readonly walletPath: string;
  readonly passphraseFile?: string;
  readonly passphrase?: string;
  readonly stateDir: string;
  readonly timeoutMs: number;
  readonly language: 'en' | 'pt-BR';
  readonly mayAsk: boolean;
  readonly devEnv: DevEnv | null;
  readonly profile: string;
  readonly sources: Readonly<Record<'baseUrl' | 'tenant' | 'apiKey' | 'logKey' | 'wallet', string>>;
};

export const DEFAULT_TIMEOUT_MS = 30_000;

type Found = { readonly value: string; readonly source: string };
const NOWHERE = 'not set';

/**
 * Flags, then LOGLINE_*, then the installation that runs in this checkout, then the profile. A profile that is named wins over the checkout.
 * A credential is used only with the address it came with: a token of this machine never travels to another host because LOGLINE_BASE_URL says so.
 */
export async function resolveSettings(io: Io, options: GlobalOptions): Promise<Settings> {
  const env = (name: string): string | undefined => (io.env[name] === '' ? undefined : io.env[name]);
  const profileName = options.profile ?? env('LOGLINE_PROFILE');
  const flagOrEnvUrl = first(['--base-url', options.baseUrl], ['LOGLINE_BASE_URL', env('LOGLINE_BASE_URL')]);
  const devEnv = profileName === undefined ? await findDevEnv(io.cwd) : null;
  const isDevUsed =
    devEnv !== null && (flagOrEnvUrl === null || isSameUrl(flagOrEnvUrl.value, devEnv.baseUrl));
  const dev = isDevUsed ? devEnv : null;
  const stored = dev === null ? await readProfile(io, profileName ?? DEFAULT_PROFILE) : null;
  if (stored === null && profileName !== undefined && dev === null && flagOrEnvUrl === null) {
    throw new CliError('NOT_FOUND', `there is no profile named ${profileName}`, {
      fix: `logline login --profile ${profileName} --base-url <url> --tenant <tenant>`,
    });
  }
  const profile: Profile | null =
    stored !== null && (flagOrEnvUrl === null || isSameUrl(flagOrEnvUrl.value, stored.baseUrl))
      ? stored
      : null;
  const devName = dev === null ? '' : dev.path;
  const profileLabel = `profile ${profileName ?? DEFAULT_PROFILE}`;

  const baseUrl = flagOrEnvUrl ?? first([devName, dev?.baseUrl], [profileLabel, profile?.baseUrl]);
  const tenant = first(
    ['--tenant', options.tenant],
    ['LOGLINE_TENANT', env('LOGLINE_TENANT')],
    [devName, dev?.tenant],
    [profileLabel, profile?.tenant],
  );
  const apiKey = first(
    ['LOGLINE_API_KEY', env('LOGLINE_API_KEY')],
    [devName, dev?.apiKey],
    [profileLabel, profile?.apiKey],
  );
  const apiKeyTenant =
    apiKey?.source === 'LOGLINE_API_KEY' ? tenant?.value : (dev?.tenant ?? profile?.tenant);
  const logKey = first(
    ['LOGLINE_LOG_KEY', env('LOGLINE_LOG_KEY')],
    [devName, dev?.logKey],
    [profileLabel, profile?.logKey],
  );
  const wallet = first(
    ['--wallet', options.wallet],
    ['LOGLINE_WALLET', env('LOGLINE_WALLET')],
    [devName, dev?.walletFile],
    [profileLabel, profile?.wallet],
    ['default', defaultWalletPath(io)],
  );
  if (tenant !== null && !isName(tenant.value)) {
    throw new CliError('USAGE', `${JSON.stringify(tenant.value)} (${tenant.source}) is no tenant`, {
      fix: 'use lower-case letters, digits and dashes, and no word of an intent',
    });
  }
  const isDevWallet = wallet?.source === devName && dev !== null;
  const passphrase = env('LOGLINE_PASSPHRASE');
  return {
    baseUrl: baseUrl === null ? undefined : normalUrl(baseUrl),
    tenant: tenant?.value,
    apiKey: apiKey?.value,
    apiKeyTenant,
    logKey: logKey?.value,
    operatorKeyFile: env('LOGLINE_OPERATOR_KEY_FILE') ?? dev?.operatorKeyFile,
    walletPath: resolve(io.cwd, wallet?.value ?? defaultWalletPath(io)),
    passphraseFile:
      env('LOGLINE_PASSPHRASE_FILE') ??
      // the environment wins over the installation, here as everywhere
      (isDevWallet && passphrase === undefined ? dev.passphraseFile : undefined),
    passphrase,
    // what is remembered of a throw-away installation goes when it goes
    stateDir: dev !== null && env('LOGLINE_STATE_DIR') === undefined ? join(dev.dir, 'state') : stateDir(io),
    timeoutMs: options.timeout ?? DEFAULT_TIMEOUT_MS,
    language: (env('LC_ALL') ?? env('LC_MESSAGES') ?? env('LANG') ?? '').startsWith('pt') ? 'pt-BR' : 'en',
    mayAsk: options.input !== false,
    devEnv: dev,
    profile: profileName ?? DEFAULT_PROFILE,
    sources: {
      baseUrl: baseUrl?.source ?? NOWHERE,
      tenant: tenant?.source ?? NOWHERE,
      apiKey: apiKey?.source ?? NOWHERE,
      logKey: logKey?.source ?? NOWHERE,
      wallet: wallet?.source ?? NOWHERE,
    },
  };
}

/** @throws CliError `AUTH_NEEDED` that says how to configure it */
export function needBaseUrl(settings: Settings): string {
  if (settings.baseUrl !== undefined) return settings.baseUrl;
  throw new CliError('AUTH_NEEDED', 'no installation is configured', {
    fix: 'run npm start in the repository, or logline login --base-url <url> --tenant <tenant>',
  });
}

/** @throws CliError `USAGE` that says how to give it */
export function needTenant(settings: Settings): string {
  if (settings.tenant !== undefined) return settings.tenant;
  throw new CliError('USAGE', 'no tenant is configured', {
    fix: 'add --tenant <tenant>, or set LOGLINE_TENANT',
  });
}

function first(...candidates: readonly (readonly [string, string | undefined])[]): Found | null {
  const found = candidates.find(([, value]) => value !== undefined && value !== '');
  return found?.[1] === undefined ? null : { source: found[0], value: found[1] };
}

function normalUrl({ value, source }: Found): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch (cause) {
    throw new CliError('USAGE', `${value} (${source}) is not a URL`, {
      cause,
      fix: 'use http://host:port or https://host',
    });
  }
  if (
    url.pathname !== '/' ||
    (url.protocol !== 'http:' && url.protocol !== 'https:') ||
    url.username !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new CliError('USAGE', `${url.origin} (${source}) is not a base URL`, {
      fix: 'use http://host:port or https://host, without user, path, query or fragment',
    });
  }
  return url.href.replace(/\/+$/, '');
}

function isSameUrl(one: string, other: string | undefined): boolean {
  return other !== undefined && one.replace(/\/+$/, '') === other.replace(/\/+$/, '');
}
