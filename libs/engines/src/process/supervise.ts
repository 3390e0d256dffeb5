import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parentEnvironment } from '../config.ts';
import { EngineError } from '../errors.ts';
import { batchScheduled } from './batch-schedule.ts';
import { isProcessAlive, readProcessStart } from './identity.ts';
import { findProgram, isExecutable } from './programs.ts';
import { waitUntil } from './wait.ts';

/** A log that has grown beyond this is put aside as `<log>.1` when its process starts again. */
const LOG_KEPT_BYTES = 8 * 1024 * 1024;
const GONE_AFTER_KILL_MS = 10_000;

export type ProcessOptions = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process. Default: the parent's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Gets what the process prints, appended. Its directory is made. */
  readonly logFile: string;
  /** True: the process outlives its parent, and does not keep it from ending. Default false. */
  readonly detached?: boolean;
  /** What asks this process to end. Default `SIGTERM`. */
  readonly stopSignal?: NodeJS.Signals;
  /** How long it may take to end by itself before SIGKILL. Default 10 s. */
  readonly stopWithinMs?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** `batch`: one of many on few cores, which waits its turn; see `batchScheduled`. */
  readonly schedule?: 'batch' | undefined;
};

export type ProcessExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** One process of ours. All methods may be called at any time, more than once, and from several places at once. */
export type ProcessHandle = {
  readonly name: string;
  readonly pid: number;
  /** Together with the pid names this process for good; see `isProcessAlive`. Null where the platform cannot say. */
  readonly startedAt: string | null;
  readonly logFile: string;
  /** Resolves when the process has ended, however. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  isAlive(): boolean;
  /** The last lines this process has printed, for the message of an error. */
  readLogTail(lines?: number): string;
  /** Asks the process to end, and kills it when it takes too long. Resolves when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL, at once. Resolves when it is gone. */
  kill(): Promise<void>;
};

/**
 * Starts a process in a session of its own: Ctrl-C in the terminal reaches the parent only, which then stops what it
 * started in the order it wants. Unless `detached`, a parent (on Linux: the thread) that
 * ends or is killed takes the process with it.
 *
 * @throws EngineError `START_FAILED` if the program cannot be started at all
 */
export async function superviseProcess(options: ProcessOptions): Promise<ProcessHandle> {
  const { name, logFile, detached = false, stopSignal = 'SIGTERM', stopWithinMs = 10_000 } = options;
  const command = options.command.includes('/') ? options.command : findProgram(options.command);
  if (command === null || !isExecutable(command)) {
    throw new EngineError('START_FAILED', `${name}: no program ${options.command}`);
  }
  const [scheduled, scheduledArgs] =
    options.schedule === 'batch' ? await batchScheduled(command, options.args) : [command, options.args];
  const [program, args] = detached
    ? [scheduled, scheduledArgs]
    : boundToParent(scheduled, scheduledArgs, stopSignal);
  const { log, startsAt } = openLog(logFile);
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? parentEnvironment(),
    stdio: ['ignore', log, log],
    detached: true,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  closeSync(log);
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: 127, signal: null }));
  });
  const failure = new Promise<Error>((resolve) => child.once('error', resolve));
  if (detached) child.unref();
  const { pid } = child;
  if (pid === undefined) {
    throw new EngineError('START_FAILED', `${name}: ${(await failure).message}`, { cause: await failure });
  }
  const startedAt = readProcessStart(pid);
  const isAlive = (): boolean =>
    child.exitCode === null && child.signalCode === null && isProcessAlive(pid, startedAt);
  let stopping: Promise<void> | undefined;
  const end = async (how: StopOptions): Promise<void> => {
    await stopProcess(how);
    if (!detached) await exited; // until then its pid is a zombie's
  };
  return {
    name,
    pid,
    startedAt,
    logFile,
    exited,
    isAlive,
    readLogTail: (lines = 12) => readLogTail(logFile, startsAt, lines),
    stop: () => (stopping ??= end({ name, pid, startedAt, stopSignal, stopWithinMs })),
    kill: () => end({ name, pid, startedAt, stopSignal: 'SIGKILL', stopWithinMs: 0 }),
  };
}

export type StopOptions = {
  readonly name: string;
  readonly pid: number;
  readonly startedAt: string | null;
  readonly stopSignal: NodeJS.Signals;
  readonly stopWithinMs: number;
};

/**
 * Ends a process that any process of this user has started: the signal, then SIGKILL when `stopWithinMs` is over.
 * Nothing happens when it is gone already, or when its pid belongs to another process by now.
 *
 * @throws EngineError `STOP_FAILED` if it is there even 10 s after SIGKILL
 */
export async function stopProcess({
  name,
  pid,
  startedAt,
  stopSignal,
  stopWithinMs,
}: StopOptions): Promise<void> {
  const isGone = (): boolean => !isProcessAlive(pid, startedAt);
  if (isGone()) return;
  sendSignal(pid, stopSignal);
  if (stopSignal !== 'SIGKILL' && (await waitUntil(isGone, { withinMs: stopWithinMs, everyMs: 20 }))) return;
  if (isGone()) return;
  sendSignal(pid, 'SIGKILL');
  if (!(await waitUntil(isGone, { withinMs: GONE_AFTER_KILL_MS, everyMs: 10 }))) {
    throw new EngineError('STOP_FAILED', `${name}: process ${pid} is still there after SIGKILL`);
  }
}

function readLogTail(logFile: string, fromByte: number, lines: number): string {
  try {
    return readFileSync(logFile)
      .subarray(fromByte)
      .toString('utf8')
      .trimEnd()
      .split('\n')
      .slice(-lines)
      .join('\n');
  } catch {
    return '';
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // ESRCH: it ended between the question and the signal
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function boundToParent(
  command: string,
  args: readonly string[],
  signal: NodeJS.Signals,
): [string, readonly string[]] {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : null;
  // the one of busybox cannot
  if (setpriv === null || basename(realpathSync(setpriv)) !== 'setpriv') return [command, args];
  return [setpriv, ['--pdeathsig', signal.replace(/^SIG/, ''), '--', command, ...args]];
}

function openLog(logFile: string): { readonly log: number; readonly startsAt: number } {
  mkdirSync(dirname(logFile), { recursive: true });
  let startsAt = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (startsAt > LOG_KEPT_BYTES) {
    renameSync(logFile, `${logFile}.1`);
    startsAt = 0;
  }
  return { log: openSync(logFile, 'a', 0o600), startsAt };
}
