import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';

/**
 * A secret typed on the terminal, unseen. The question stands on stderr.
 *
 * @throws CliError `AUTH_NEEDED` when there is no terminal to ask, `INTERRUPTED` on Ctrl-C
 */
export async function askSecret(io: Io, question: string, howElse: string): Promise<string> {
  const { stderr } = io;
  const stdin = io.stdin.isTTY === true ? io.stdin : (io.openTerminal?.() ?? null);
  if (stdin?.setRawMode === undefined) {
    throw new CliError(
      'AUTH_NEEDED',
      `${question.replace(/[:\s]+$/, '')} is needed, and there is no terminal to ask`,
      { fix: howElse },
    );
  }
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.resume();
  try {
    return await new Promise<string>((resolve, reject) => {
      let typed = '';
      const decoder = new TextDecoder();
      const onData = (chunk: Uint8Array): void => {
        for (const char of decoder.decode(chunk, { stream: true })) {
          if (char === '\r' || char === '\n') return finish(() => resolve(typed));
          if (char === '\u0003') return finish(() => reject(new CliError('INTERRUPTED', 'interrupted')));
          if (char === '\u0004') return finish(() => resolve(typed));
          if (char === '\u007f' || char === '\b') typed = [...typed].slice(0, -1).join('');
          else if (char >= ' ') typed += char;
        }
      };
      const finish = (then: () => void): void => {
        stdin.off('data', onData);
        then();
      };
      stdin.on('data', onData);
    });
  } finally {
    stdin.setRawMode?.(false);
    if (stdin === io.stdin) stdin.pause();
    else stdin.destroy();
    stderr.write('\n');
  }
}

/** All of stdin, at most `maxBytes`. */
export async function readStdin(io: Io, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of io.stdin) {
    const bytes =
      typeof chunk === 'string' ? new TextEncoder().encode(chunk) : new Uint8Array(chunk as Uint8Array); // a byte stream gives nothing else
    length += bytes.length;
    if (length > maxBytes) throw new CliError('INVALID_INPUT', `stdin has more than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** The text without the one line feed that editors and `echo` leave behind. */
export function withoutFinalNewline(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}
