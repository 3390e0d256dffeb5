import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment, toolEnvironment } from '../config.ts';

/** How much of a tool's output is kept; the rest is dropped from the front. */
const KEPT_OUTPUT = 256 * 1024;

export type ToolResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type ToolOptions = {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
};

/** The full path of a program, or null where it is not installed. */
export function findProgram(name: string): string | null {
  return (
    readEnvironment()
      .searchPath.map((dir) => join(dir, name))
      .find(isExecutable) ?? null
  );
}

/** All programs of that name on the path, in the order of the path. */
export function findPrograms(name: string): readonly string[] {
  return readEnvironment()
    .searchPath.map((dir) => join(dir, name))
    .filter(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Runs a tool to its end without a shell. An exit code is an answer, not an error: 127 when it cannot be started,
 * 124 when it had to be killed for taking longer than `timeoutMs`. Never throws.
 */
export function runTool(command: string, args: readonly string[], options: ToolOptions): Promise<ToolResult> {
  return new Promise((resolve) => {
    const output = { stdout: '', stderr: '' };
    let isLate = false;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: toolEnvironment(options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, options.timeoutMs);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] = (output[stream] + text).slice(-KEPT_OUTPUT);
      });
    }
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ ...output, code: 127, stderr: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      const stderr = isLate ? `${output.stderr}\nkilled after ${options.timeoutMs} ms` : output.stderr;
      resolve({ stdout: output.stdout, stderr, code: isLate ? 124 : (code ?? 125) });
    });
  });
}

/** The last words of a tool that failed, on one line, fit for a report. */
export function lastWords({ code, stdout, stderr }: ToolResult): string {
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '').slice(-3);
  return `exit ${code}${said.length === 0 ? '' : `: ${said.join(' | ')}`}`.slice(0, 600);
}
