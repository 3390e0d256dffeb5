import { TargetError } from './errors.ts';

/**
 * Secrets in the environment without the engine knowing them: a shell reads `NAME=escaped` lines from stdin until an empty one, exports
 * them, and becomes the process. Broken off before the empty line, it exits 78 and the process never starts without its secrets.
 */
const SCRIPT = [
  'while :; do',
  'IFS= read -r line || exit 78;',
  '[ -n "$line" ] || break;',
  // the dot keeps trailing line feeds, which a command substitution would drop; printf is built in, so nothing appears in argv
  'value=$(printf "%b." "${line#*=}") || exit 78;',
  'export "${line%%=*}=${value%.}";',
  'done;',
  'unset line value;',
  'exec "$@" </dev/null',
].join(' ');

export const HANDOFF_BROKEN_EXIT_CODE = 78;

export type Shell = 'image' | 'lent';
/** Where a static busybox is mounted into images that have no shell. */
export const LENT_SHELL_PATH = '/.minicontainer/busybox';

/** The command that waits for its secrets and then becomes `argv`. */
export function toHandoffCommand(shell: Shell, argv: readonly string[]): readonly string[] {
  const prefix = shell === 'image' ? ['/bin/sh'] : [LENT_SHELL_PATH, 'sh'];
  return [...prefix, '-c', SCRIPT, 'handoff', ...argv];
}

export type Secret = { readonly variable: string; readonly value: Uint8Array };

/**
 * What is written to the waiting shell. The caller wipes it after use.
 * @throws TargetError `BAD_RUN` when a value holds a NUL, which no environment can carry
 */
export function formatHandoff(secrets: readonly Secret[]): Uint8Array {
  const lines = secrets.map(({ variable, value }) => formatLine(variable, value));
  const size = lines.reduce((sum, line) => sum + line.length, 1);
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const line of lines) {
    bytes.set(line, offset);
    offset += line.length;
    line.fill(0);
  }
  bytes[offset] = LINE_FEED;
  return bytes;
}

const LINE_FEED = 0x0a;
const BACKSLASH = 0x5c;

function formatLine(variable: string, value: Uint8Array): Uint8Array {
  if (value.includes(0)) {
    throw new TargetError('BAD_RUN', `the secret ${variable} holds a NUL byte: deliver it by file`);
  }
  const name = new TextEncoder().encode(`${variable}=`);
  // \0nnn is the octal form that printf %b of every shell knows
  const escaped = new Uint8Array(name.length + value.length * 5 + 1);
  escaped.set(name);
  let offset = name.length;
  for (const byte of value) {
    if (byte !== LINE_FEED && byte !== BACKSLASH && byte !== 0x0d) {
      escaped[offset++] = byte;
      continue;
    }
    escaped.set([BACKSLASH, 0x30, 0x30 + (byte >> 6), 0x30 + ((byte >> 3) & 7), 0x30 + (byte & 7)], offset);
    offset += 5;
  }
  escaped[offset++] = LINE_FEED;
  const line = escaped.slice(0, offset);
  escaped.fill(0);
  return line;
}
