import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../tlog/test/go', import.meta.url));

/** What the Go verifiers of other people said: how much they found good, or the one line that says what they did not. */
export type GoVerdict = { readonly found: Readonly<Record<string, unknown>> } | { readonly refused: string };

/** The Go program of `libs/tlog/test/go`, compiled. */
export type TlogCheck = {
  run(...args: readonly string[]): Promise<GoVerdict>;
  remove(): Promise<void>;
};

/**
 * Compiles it; where Go or its modules are not to be had, the reason, to skip a test with. Takes only the Go that is there
 * and only what `go.sum` pins.
 * @throws Error when both are there and it does not compile
 */
export async function buildTlogCheck(): Promise<TlogCheck | string> {
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly' };
  const go = (...args: readonly string[]): Promise<Outcome> => execute('go', args, { cwd: SOURCE, env });
  const version = await go('version');
  if (version.code !== 0) return 'no Go: there is no go on the PATH';
  const modules = await go('mod', 'download');
  if (modules.code !== 0)
    return `Go is there, but its modules are not to be had: ${lastLine(modules.stderr)}`;
  const dir = await mkdtemp(join(tmpdir(), 'logline-tlogcheck-'));
  const program = join(dir, 'tlogcheck');
  const built = await go('build', '-o', program, '.');
  if (built.code !== 0) throw new Error(`libs/tlog/test/go does not compile: ${built.stderr}`);
  return {
    run: async (...args) => {
      const { code, stdout, stderr } = await execute(program, args, {});
      return code === 0 ? { found: JSON.parse(stdout) } : { refused: stderr.trim() };
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** How it ended, whatever that was; a program that is not there ends with 127. */
function execute(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(program, args, { ...options, maxBuffer: 16_000_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      resolve({ code, stdout, stderr });
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
