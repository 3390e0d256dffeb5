import { join } from 'node:path';
import { CliError } from '../errors.ts';
import { modeOf, readPrivate, writePrivate } from '../files.ts';
import type { Io } from '../io.ts';
import { readJsonObject, stringField } from '../json-file.ts';
import { configDir } from './paths.ts';

/** What `logline login` stores. 0600, since it holds a token. */
export type Profile = {
  readonly baseUrl?: string;
  readonly tenant?: string;
  readonly apiKey?: string;
  readonly logKey?: string;
  readonly wallet?: string;
};

export const DEFAULT_PROFILE = 'default';

export function profilePath(io: Io, name: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name) || name.startsWith('.')) {
    throw new CliError('USAGE', `${JSON.stringify(name)} is no name of a profile`, {
      fix: 'use letters, digits, dots and dashes',
    });
  }
  return join(configDir(io), 'profiles', `${name}.json`);
}

/** Null when there is no such profile. */
export async function readProfile(io: Io, name: string): Promise<Profile | null> {
  const path = profilePath(io, name);
  if ((await modeOf(path)) === null) return null;
  const object = readJsonObject(await readPrivate(path, 'profile'), path);
  const text = (field: string): string | undefined => stringField(object, field, path);
  return {
    baseUrl: text('baseUrl'),
    tenant: text('tenant'),
    apiKey: text('apiKey'),
    logKey: text('logKey'),
    wallet: text('wallet'),
  };
}

export async function writeProfile(io: Io, name: string, profile: Profile): Promise<string> {
  const path = profilePath(io, name);
  await writePrivate(path, new TextEncoder().encode(`${JSON.stringify(profile, null, 2)}\n`));
  return path;
}
