import { runTool } from '../process/programs.ts';

/** Atomic batches, schedules and priority groups came together here; Debian bookworm's 2.9 has none of them. */
export const LOWEST_NATS: NatsVersion = [2, 12, 0];

export type NatsVersion = readonly [major: number, minor: number, patch: number];

/** The version in the words of `nats-server -v`; null for any other program's words. */
export function parseNatsVersion(output: string): NatsVersion | null {
  const match = /^nats-server:\s+v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})/m.exec(output);
  if (match === null) return null;
  return [Number(match[1]), Number(match[2]), Number(match[3])];
}

export function formatNatsVersion(version: NatsVersion): string {
  return version.join('.');
}

/** Negative, zero or positive, as for sorting. */
export function compareNatsVersions(a: NatsVersion, b: NatsVersion): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

export function isRecentEnough(version: NatsVersion): boolean {
  return compareNatsVersions(version, LOWEST_NATS) >= 0;
}

/** Asks the binary itself; null when it does not run here or is something else. */
export async function readNatsVersion(path: string): Promise<NatsVersion | null> {
  const { code, stdout, stderr } = await runTool(path, ['-v'], { timeoutMs: 10_000 });
  return code === 0 ? parseNatsVersion(`${stdout}\n${stderr}`) : null;
}
