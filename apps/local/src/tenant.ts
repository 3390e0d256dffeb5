import { readFile, writeFile } from 'node:fs/promises';
import { parseHex, signerFromSeed, signObjectSync } from '@logline/canon-sign';
import type { RunnerAdd } from '@logline/contracts';
import { deriveHpkeKeyPair } from '@logline/wallet';
import type { Commands } from './command.ts';
import { LocalError } from './errors.ts';
import type { Secrets } from './secrets.ts';

/** The first tenant, as this installation remembers it. */
export type Tenant = { readonly apiKey: string; readonly rootKey: string };

/**
 * The tenant stands: its wallet, its log, its first API token. Made once, by the same commands a person would use, and remembered.
 * @throws LocalError `COMMAND_FAILED`
 */
export async function bearTenant(name: string, commands: Commands, secrets: Secrets): Promise<Tenant> {
  const remembered = await readJson(secrets.path('tenant.json'));
  if (remembered === null) {
    await commands.run(['wallet', 'init', '--key', 'kid_sign_1']);
    const created = await commands.run([
      'tenant',
      'create',
      name,
      '--token',
      'tok-cli',
      '--token-out',
      secrets.path('tenant.token'),
    ]);
    const root = created['root'];
    const pub = typeof root === 'object' && root !== null && 'pub' in root ? String(root.pub) : '';
    await writeFile(secrets.path('tenant.json'), JSON.stringify({ tenant: name, root: pub }), {
      mode: 0o600,
    });
    return { apiKey: await token(secrets), rootKey: pub };
  }
  return { apiKey: await token(secrets), rootKey: String(remembered['root']) };
}

/** Whether this installation's runner was registered before. */
export async function isRegistered(secrets: Secrets): Promise<boolean> {
  return (await readJson(secrets.path('runner.json'))) !== null;
}

/**
 * The runner is registered for the engine of this machine, and has a token of its own for sealed artifacts. Made once.
 * @throws LocalError `ENGINE_CHANGED` when it was registered for another engine
 */
export async function registerRunner(
  {
    tenant,
    runner,
    provider,
  }: { readonly tenant: string; readonly runner: string; readonly provider: string },
  commands: Commands,
  secrets: Secrets,
): Promise<void> {
  const remembered = await readJson(secrets.path('runner.json'));
  if (remembered !== null) {
    if (remembered['provider'] === provider) return;
    throw new LocalError(
      'ENGINE_CHANGED',
      `the runner was registered for ${String(remembered['provider'])} and this machine now has ${provider}: start that engine, or remove .logline/dev and begin anew`,
    );
  }
  const key = await secrets.key('runner', `runner-${runner}`);
  const hpke = await secrets.key('runner-hpke', `runner-${runner}-hpke`);
  const { publicKey } = await deriveHpkeKeyPair(parseHex(hpke.seed, 32));
  const draft: Omit<RunnerAdd, 'possession'> = {
    tenant,
    runner,
    kid: key.kid,
    pub: key.pub,
    hpke_pub: publicKey,
    providers: [provider],
  };
  const request = signObjectSync('possession', draft, signerFromSeed(key.kid, parseHex(key.seed, 32)));
  await commands.run(['runner', 'add', '-'], { stdin: JSON.stringify(request) });
  await commands.run([
    'apikey',
    'add',
    'tok-runner',
    '--scope',
    'artifact:read',
    '--out',
    secrets.path('runner.token'),
  ]);
  await writeFile(secrets.path('runner.json'), JSON.stringify({ runner, provider }), { mode: 0o600 });
}

async function token(secrets: Secrets): Promise<string> {
  return (await readFile(secrets.path('tenant.token'), 'utf8')).trim();
}

async function readJson(path: string): Promise<Record<string, unknown> | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Record<string, unknown>); // we wrote it
}
