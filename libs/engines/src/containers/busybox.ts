import { readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchDebianPackage } from '../debian-package.ts';
import { keepProgram } from '../process/keep-program.ts';
import { findPrograms, isExecutable, runTool } from '../process/programs.ts';

const INTERPRETER_SEGMENT = 3;
/** What an image made of it needs; busybox says with `--list` what it was built with. */
const NEEDED_APPLETS = ['sh', 'httpd', 'wc', 'id'];

export type FindBusyboxOptions = {
  readonly cacheDir: string;
  readonly report: (line: string) => void;
  /** False: download nothing. Default true. */
  readonly allowInstall?: boolean;
};

/**
 * A busybox that needs no library, so that it runs in an image that has nothing else: from the path, else from the
 * cache, else out of Debian's package into the cache. Null where none can be had; the report says why. Linux only.
 */
export async function findStaticBusybox({
  cacheDir,
  report,
  allowInstall = true,
}: FindBusyboxOptions): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  const kept = join(cacheDir, 'busybox', `linux-${process.arch}`);
  for (const path of [...findPrograms('busybox'), join(kept, 'busybox')]) {
    if (await isUsable(path)) return await realpath(path);
  }
  if (!allowInstall) return null;
  report('hello: no static busybox here, trying package busybox-static of Debian');
  const dir = join(cacheDir, 'busybox-fetch');
  const answer = await fetchDebianPackage({ name: 'busybox-static', suite: 'stable', dir });
  try {
    const unpacked =
      'dir' in answer ? ['bin', 'usr/bin'].map((place) => join(answer.dir, place, 'busybox')) : [];
    for (const path of unpacked) if (await isUsable(path)) return await keepProgram(path, kept, 'busybox');
    report(`hello: not from there (${'why' in answer ? answer.why : 'what came is not usable'})`);
    return null;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function isUsable(path: string): Promise<boolean> {
  if (!isExecutable(path) || !isStaticElf(await readFile(path))) return false;
  const { code, stdout } = await runTool(path, ['--list'], { timeoutMs: 10_000 });
  const applets = new Set(stdout.split('\n'));
  return code === 0 && NEEDED_APPLETS.every((applet) => applets.has(applet));
}

/** True for a 64-bit little-endian ELF program that asks for no dynamic linker. Safe on any bytes. */
export function isStaticElf(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 64 || view.getUint32(0) !== 0x7f_45_4c_46 || bytes[4] !== 2 || bytes[5] !== 1)
    return false;
  const [start, size, count] = [
    Number(view.getBigUint64(32, true)),
    view.getUint16(54, true),
    view.getUint16(56, true),
  ];
  if (count === 0 || size < 4 || start + size * count > bytes.length) return false;
  return Array.from({ length: count }, (_, at) => view.getUint32(start + at * size, true)).every(
    (type) => type !== INTERPRETER_SEGMENT,
  );
}
