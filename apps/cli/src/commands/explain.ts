import { CANONICAL_CODES, type CanonicalCode } from '@logline/contracts';
import type { Command } from 'commander';
import { type ContextMaker, define } from '../command.ts';
import { CliError } from '../errors.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { columns } from '../terminal/output.ts';

const CODES = Object.keys(CANONICAL_CODES) as readonly CanonicalCode[]; // the keys of the very table

export function register(command: Command, makeContext: ContextMaker): void {
  command.argument('[code]', 'a canonical code, or its number');
  define(command, makeContext, {
    name: 'explain',
    summary: 'what a code means, and what mends it',
    about: 'Without a code: all of them.',
    examples: ['logline explain 428_PROOF_REQUIRED', 'logline explain 409'],
    run: async ({ out }, _options, [asked]) => {
      const matches = asked === undefined ? CODES : findCodes(asked);
      const explained = matches.map((code) => ({
        code,
        ...CANONICAL_CODES[code],
        exit_code: exitCodeOf(code),
      }));
      const text =
        asked === undefined
          ? columns(explained.map(({ code, title }) => [code, title]))
          : explained
              .map(
                ({ code, status, title, fix, exit_code }) =>
                  `${out.style.bold(code)}  HTTP ${status}, exit code ${exit_code}\n  ${title}.\n  ${out.style.cyan('fix:')} ${fix}`,
              )
              .join('\n\n');
      out.result({ codes: explained }, text);
    },
  });
}

/** By the code itself, its number, or its words; the readable alias of protocol §8 included. @throws CliError `NOT_FOUND` */
export function findCodes(asked: string): readonly CanonicalCode[] {
  const wanted = asked.toUpperCase().replaceAll('-', '_').replace('422_TDLN_INVALID', '422_');
  const exact = CODES.filter(
    (code) => code === wanted || code.startsWith(`${wanted.replace(/_$/, '')}_`) || code.slice(4) === wanted,
  );
  if (exact.length > 0) return exact;
  const near = CODES.filter((code) => distance(code, wanted) <= 6).sort(
    (a, b) => distance(a, wanted) - distance(b, wanted),
  );
  const [first] = near;
  throw new CliError('NOT_FOUND', `there is no code ${asked.slice(0, 64)}`, {
    fix: first === undefined ? 'logline explain lists them' : `did you mean ${first}?`,
  });
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
