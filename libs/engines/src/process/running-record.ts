import { readFileSync, rmSync, writeFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { isProcessAlive, readProcessStart } from './identity.ts';
import type { ProcessHandle } from './supervise.ts';
import { stopProcess } from './supervise.ts';
import { waitUntil } from './wait.ts';

const ORPHAN_LEAVES_WITHIN_MS = 3_000;

/** What a directory remembers of the engine that runs in it, so that another process can stop it later. */
export type RunningRecord = {
  readonly name: string;
  readonly pid: number;
  readonly startedAt: string | null;
  readonly parentPid: number;
  readonly parentStartedAt: string | null;
  readonly detached: boolean;
  readonly stopSignal: NodeJS.Signals;
  readonly stopWithinMs: number;
};

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGKILL'];

function recordPath(dir: string): string {
  return join(dir, 'running.json');
}

export function writeRecord(
  dir: string,
  { name, pid, startedAt }: Pick<ProcessHandle, 'name' | 'pid' | 'startedAt'>,
  stop: Pick<RunningRecord, 'detached' | 'stopSignal' | 'stopWithinMs'>,
): void {
  const parent = { parentPid: process.pid, parentStartedAt: readProcessStart(process.pid) };
  const record: RunningRecord = { name, pid, startedAt, ...parent, ...stop };
  // renamed into place: a reader sees all of it or nothing
  writeFileSync(`${recordPath(dir)}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${recordPath(dir)}.new`, recordPath(dir));
}

/** The record of a directory, or null where there is none that makes sense. */
export function readRecord(dir: string): RunningRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(recordPath(dir), 'utf8'));
  } catch {
    return null;
  }
  return parseRecord(value);
}

export function parseRecord(value: unknown): RunningRecord | null {
  if (typeof value !== 'object' || value === null) return null;
  const record = {
    pid: 0,
    parentPid: 0,
    name: '',
    detached: false,
    stopWithinMs: 0,
    stopSignal: '',
    ...value,
  };
  const { pid, parentPid, name, detached, stopWithinMs } = record;
  const stopSignal = SIGNALS.find((signal) => signal === record.stopSignal);
  if (stopSignal === undefined || typeof name !== 'string' || typeof detached !== 'boolean') return null;
  if (!Number.isInteger(pid) || pid <= 1 || !Number.isInteger(parentPid) || !Number.isFinite(stopWithinMs))
    return null;
  return {
    name,
    pid,
    parentPid,
    detached,
    stopSignal,
    stopWithinMs,
    startedAt: textOrNull('startedAt' in value ? value.startedAt : null),
    parentStartedAt: textOrNull('parentStartedAt' in value ? value.parentStartedAt : null),
  };
}

/** Stops the engine that runs in `dir`, whoever started it. Nothing happens where none runs. Idempotent. */
export async function stopRecorded(dir: string): Promise<void> {
  const record = readRecord(dir);
  if (record !== null) await stopProcess(record);
  forgetRecord(dir);
}

/** Removes the record; with `pid` only if it is that process's, and not one of a later start. */
export function forgetRecord(dir: string, pid?: number): void {
  if (pid === undefined || readRecord(dir)?.pid === pid) rmSync(recordPath(dir), { force: true });
}

/**
 * Makes sure that no engine runs in `dir`: an orphan, whose parent is dead and which was not meant to outlive it, is
 * stopped.
 *
 * @throws EngineError `ALREADY_RUNNING` if one runs that somebody wants
 */
export async function claimDirectory(dir: string): Promise<void> {
  const record = readRecord(dir);
  if (record === null || !isProcessAlive(record.pid, record.startedAt)) return forgetRecord(dir);
  const isOrphan = !record.detached && !isProcessAlive(record.parentPid, record.parentStartedAt);
  if (!isOrphan) {
    throw new EngineError(
      'ALREADY_RUNNING',
      `${record.name} runs already in ${dir} as process ${record.pid}; stop it first`,
    );
  }
  // it was told to end when its parent died
  const hasLeft = (): boolean => !isProcessAlive(record.pid, record.startedAt);
  if (!(await waitUntil(hasLeft, { withinMs: ORPHAN_LEAVES_WITHIN_MS }))) await stopProcess(record);
  forgetRecord(dir);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
