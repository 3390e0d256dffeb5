import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, lastWords, runTool } from './process/programs.ts';

const UPDATE_TIMEOUT_MS = 180_000;
const DOWNLOAD_TIMEOUT_MS = 180_000;
const DEFAULT_MIRROR = 'http://deb.debian.org/debian';
const KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.pgp',
  '/usr/share/keyrings/debian-archive-keyring.gpg',
];

/** What a way of getting something answers: where it is, or why not. A "no" is an answer, the next way is tried. */
export type FetchAnswer = { readonly dir: string } | { readonly why: string };

/**
 * Unpacks one package of a Debian suite below `dir`, without root and without touching the machine's apt: its own source
 * list, its own state, the machine's mirror and proxy. The signatures of the archive are checked by apt as always.
 */
export async function fetchDebianPackage(wanted: DebianPackage): Promise<FetchAnswer> {
  if (findProgram('apt-get') === null || findProgram('dpkg') === null) return { why: 'no apt-get here' };
  const keyring = KEYRINGS.find((path) => existsSync(path));
  if (keyring === undefined) {
    return { why: 'no keyring of the Debian archive here (package debian-archive-keyring)' };
  }
  await mkdir(wanted.dir, { recursive: true });
  const reasons: string[] = [];
  // a mirror need not have every suite
  for (const mirror of new Set([await findDebianMirror(), DEFAULT_MIRROR])) {
    const answer = await fetchFromMirror(wanted, { mirror, keyring });
    if ('dir' in answer) return answer;
    reasons.push(`${mirror}: ${answer.why}`);
  }
  return { why: reasons.join('; ') };
}

type DebianPackage = { readonly name: string; readonly suite: string; readonly dir: string };

async function fetchFromMirror(
  { name, suite, dir }: DebianPackage,
  archive: { readonly mirror: string; readonly keyring: string },
): Promise<FetchAnswer> {
  const state = await mkdtemp(join(dir, 'apt-'));
  try {
    const apt = await writeAptState({ state, suite, ...archive });
    const update = await runTool('apt-get', [...apt, 'update'], { timeoutMs: UPDATE_TIMEOUT_MS });
    if (update.code !== 0) return { why: `apt-get update of ${suite}: ${lastWords(update)}` };
    const download = await runTool('apt-get', [...apt, 'download', name], {
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      cwd: state,
    });
    const deb = (await readdir(state)).find((file) => file.endsWith('.deb'));
    if (download.code !== 0 || deb === undefined) {
      return { why: `apt-get download ${name}: ${lastWords(download)}` };
    }
    const unpacked = await mkdtemp(join(dir, `${name}-`));
    const unpack = await runTool('dpkg', ['-x', join(state, deb), unpacked], {
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    return unpack.code === 0 ? { dir: unpacked } : { why: `dpkg -x: ${lastWords(unpack)}` };
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

type AptState = {
  readonly state: string;
  readonly keyring: string;
  readonly mirror: string;
  readonly suite: string;
};

async function writeAptState({ state, keyring, mirror, suite }: AptState): Promise<readonly string[]> {
  await mkdir(join(state, 'lists/partial'), { recursive: true });
  await mkdir(join(state, 'cache/archives/partial'), { recursive: true });
  const list = join(state, 'sources.list');
  await writeFile(list, `deb [target=Packages lang=none signed-by=${keyring}] ${mirror} ${suite} main\n`);
  const options = {
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State::lists': join(state, 'lists'),
    'Dir::Cache': join(state, 'cache'),
    // the user _apt may not look into our directory
    'APT::Sandbox::User': '',
    // a mirror may lag behind: signed all the same, and callers look at what they got
    'Acquire::Check-Valid-Until': 'false',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
  };
  return Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

async function findDebianMirror(): Promise<string> {
  const format = '$(REPO_URI)|$(ORIGIN)|$(COMPONENT)';
  const args = ['indextargets', '--format', format, 'Created-By: Packages'];
  const { code, stdout } = await runTool('apt-get', args, { timeoutMs: 20_000 });
  return (code === 0 ? pickDebianMirror(stdout) : null) ?? DEFAULT_MIRROR;
}

/** The mirror this machine takes Debian itself from, out of `uri|origin|component` lines; null where it has none. */
export function pickDebianMirror(targets: string): string | null {
  for (const line of targets.split('\n')) {
    const [uri = '', origin = '', component = ''] = line.trim().split('|');
    const mirror = uri.replace(/\/+$/, '');
    const isDebian = origin === 'Debian' || origin === '' || origin.startsWith('$(');
    // a mirror list (cloud images have one) or a URL; the security archive has no other suites
    const hasAllSuites =
      /\/debian(\.list)?$/.test(mirror) && /^[a-z0-9+.-]+:/.test(mirror) && !/\s/.test(mirror);
    if (isDebian && hasAllSuites && component === 'main') return mirror;
  }
  return null;
}
