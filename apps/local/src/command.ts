import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { LocalError } from './errors.ts';
import type { Layout } from './layout.ts';

/** Runs the `logline` command as a person would, against this installation. */
export class Commands {
  private readonly layout: Layout;

  constructor(layout: Layout) {
    this.layout = layout;
  }

  /**
   * The JSON document that `logline … --json` prints (the last line, for a stream).
   * @param stdin - handed over on standard input: how a secret gets in, never by argv
   * @throws LocalError `COMMAND_FAILED` with what the command said
   */
  async run(
    args: readonly string[],
    { stdin = '', env = {} }: { stdin?: string; env?: Record<string, string> } = {},
  ): Promise<Record<string, unknown>> {
    const bin = join(this.layout.root, 'apps', 'cli', 'bin', 'logline.js');
    const child = spawn(process.execPath, [bin, ...args, '--json'], {
      cwd: this.layout.job,
      env: { ...process.env, LOGLINE_STATE_DIR: join(this.layout.dev, 'state'), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    child.stdin.end(stdin);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('close', resolve);
      child.on('error', reject);
    });
    const text = (await stdout).trim();
    if (code !== 0) {
      throw new LocalError(
        'COMMAND_FAILED',
        `logline ${args.join(' ')} ended with ${code}: ${(await stderr).trim() || text}`,
      );
    }
    return parseLast(text);
  }
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

function parseLast(text: string): Record<string, unknown> {
  // one document may be printed over several lines; a stream is one document a line
  for (const candidate of [text, text.split('\n').at(-1) ?? '']) {
    try {
      const value: unknown = JSON.parse(candidate);
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>; // JSON objects have string keys
    } catch {
      continue;
    }
  }
  return {};
}
