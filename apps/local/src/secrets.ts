import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHex, publicKeyFromSeed } from '@logline/canon-sign';

/** A key file: `{kid, seed}`, the form services read. */
export type KeyFile = { readonly kid: string; readonly seed: string };

/** Makes each secret of the installation once and never again; files are 0600 in a 0700 folder. */
export class Secrets {
  private readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** The text of a secret file, made by `make` where there is none yet. */
  async text(name: string, make: () => string): Promise<string> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const path = this.path(name);
    try {
      // exclusive create: two starts at once end up with one secret
      await writeFile(path, `${make()}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    return (await readFile(path, 'utf8')).trim();
  }

  password(name: string): Promise<string> {
    return this.text(`${name}.password`, () => randomBytes(24).toString('base64url'));
  }

  async key(name: string, kid: string): Promise<KeyFile & { readonly pub: string }> {
    const text = await this.text(`${name}.key.json`, () =>
      JSON.stringify({ kid, seed: randomBytes(32).toString('hex') }),
    );
    const key = parseKeyFile(text, name);
    return { ...key, pub: formatHex(publicKeyFromSeed(Buffer.from(key.seed, 'hex'))) };
  }
}

function parseKeyFile(text: string, name: string): KeyFile {
  const key: unknown = JSON.parse(text);
  if (typeof key === 'object' && key !== null && 'kid' in key && 'seed' in key) {
    const { kid, seed } = key;
    if (typeof kid === 'string' && typeof seed === 'string' && /^[0-9a-f]{64}$/.test(seed))
      return { kid, seed };
  }
  throw new Error(`${name}.key.json is no key file: remove .logline/dev and start again`);
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
