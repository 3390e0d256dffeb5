import type { Detail } from '@logline/contracts';
import { printable, type Style } from '../terminal/style.ts';

/** Each fault on its own: where, what, and what mends it. */
export function formatDetails(details: readonly Detail[], mark: string, style: Style): string {
  return details
    .map(({ code, pointer, message, fix }) =>
      [
        `${mark} ${style.bold(pointer === '' ? '(all of it)' : printable(pointer))}  ${style.dim(code)}`,
        `    ${printable(message)}`,
        `    ${style.cyan('fix:')} ${printable(fix)}`,
      ].join('\n'),
    )
    .join('\n');
}
