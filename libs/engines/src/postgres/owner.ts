import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError } from '../errors.ts';
import { isRoot } from '../process/identity.ts';
import { findProgram, lastWords, runTool } from '../process/programs.ts';

/** Where root keeps what the database's user must reach when the checkout is closed to others. */
export const SHARED_HOME = '/var/lib/logline';

/** Whom PostgreSQL runs as. It refuses to run as root, so root lends it the user `postgres`, made where there is none. */
export type PostgresOwner = {
  /** For `spawn`; empty when PostgreSQL runs as the user who starts it. */
  readonly ids: { readonly uid?: number; readonly gid?: number };
};

/** @throws EngineError `POSTGRES_UNAVAILABLE` if we are root and there is no user to run it as and none can be made */
export async function findPostgresOwner(): Promise<PostgresOwner> {
  if (!isRoot()) return { ids: {} };
  const known = readPostgresUser();
  if (known !== null) return { ids: known };
  const useradd = findProgram('useradd');
  const made = useradd === null ? null : await runTool(useradd, USERADD, { timeoutMs: 20_000 });
  const user = readPostgresUser();
  if (user === null) {
    const why = made === null ? 'no useradd here' : lastWords(made);
    throw new EngineError(
      'POSTGRES_UNAVAILABLE',
      `PostgreSQL does not run as root, and no user postgres could be made: ${why}`,
    );
  }
  return { ids: user };
}

const USERADD = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'];

function readPostgresUser(): { readonly uid: number; readonly gid: number } | null {
  return parsePasswd(readFileSync('/etc/passwd', 'utf8'), 'postgres');
}

/** The ids of a user in the text of `/etc/passwd`; null where it has none of that name, or the name is root's. */
export function parsePasswd(
  text: string,
  name: string,
): { readonly uid: number; readonly gid: number } | null {
  const fields = text
    .split('\n')
    .map((line) => line.split(':'))
    .find(([user]) => user === name);
  const [uid, gid] = [Number(fields?.[2] || Number.NaN), Number(fields?.[3] || Number.NaN)];
  return Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 ? { uid, gid } : null;
}

/** True if the owner may walk to `path`, which exists, and look into it. */
export async function canReach({ ids }: PostgresOwner, path: string): Promise<boolean> {
  if (ids.uid === undefined) return true;
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at);
    const bits = uid === ids.uid ? mode >> 6 : gid === ids.gid ? mode >> 3 : mode;
    const needed = at === path ? 0o5 : 0o1;
    if ((bits & needed) !== needed) return false;
    if (at === dirname(at)) return true;
  }
}
