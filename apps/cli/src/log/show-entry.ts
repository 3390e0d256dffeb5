import { CanonError, formatBase64, formatHex, parseStrict } from '@logline/canon-sign';
import { checkerOf, Span } from '@logline/contracts';
import type { Style } from '../terminal/style.ts';
import { printable } from '../terminal/style.ts';
import type { VerifiedEntry } from './verified-entries.ts';

const spanChecker = checkerOf(Span);

/** The span that an entry is; null for an entry of another kind of log. */
export function spanOf({ bytes }: Pick<VerifiedEntry, 'bytes'>): Span | null {
  try {
    const value: unknown = parseStrict(bytes);
    return spanChecker.check(value) ? value : null;
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    return null;
  }
}

/** What `--json` says of an entry: the span, or the bytes where it is none. */
export function toDocument(entry: VerifiedEntry, span: Span | null): Readonly<Record<string, unknown>> {
  const place = { index: Number(entry.index), leaf: formatHex(entry.leaf) };
  return span === null ? { ...place, entry: formatBase64(entry.bytes) } : { ...place, span };
}

/** One line for people. */
export function toLine(entry: VerifiedEntry, span: Span | null, style: Style): string {
  const index = style.dim(String(entry.index).padStart(7));
  if (span === null) return `${index}  ${formatHex(entry.leaf).slice(0, 16)}…  ${entry.bytes.length} bytes`;
  return `${index}  ${span.ts}  ${printable(span.intent).padEnd(24)}  ${printable(span.subject)}  ${style.dim(span.this)}`;
}
