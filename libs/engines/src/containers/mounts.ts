import { readFileSync } from 'node:fs';
import { runTool } from '../process/programs.ts';

/** The mount points at or below `dir` in the text of `/proc/self/mountinfo`, deepest first. */
export function parseMountsBelow(mountinfo: string, dir: string): readonly string[] {
  return mountinfo
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((point) => point === dir || point.startsWith(`${dir}/`))
    .toSorted((a, b) => b.length - a.length);
}

/** Takes away whatever is still mounted at or below the directories. What is busy leaves when its last user does. */
export async function unmountBelow(...dirs: readonly string[]): Promise<void> {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  for (const point of dirs.flatMap((dir) => parseMountsBelow(mountinfo, dir))) {
    await runTool('umount', ['-l', point], { timeoutMs: 20_000 });
  }
}

/** mountinfo writes blanks and backslashes in octal. */
function unescape(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
