import { formatHex, isSpanId } from '@logline/canon-sign';
import { parseProof, TlogError } from '@logline/tlog';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import type { HttpLog } from './http-log.ts';
import { spanOf } from './show-entry.ts';
import type { VerifiedEntries, VerifiedEntry } from './verified-entries.ts';

/** Which entry a person means: its index, its span's id, or its leaf hash. */
export type Wanted = { readonly index: bigint } | { readonly this: string } | { readonly leaf: string };

/** @throws CliError `USAGE` */
export function parseWanted(text: string): Wanted {
  if (/^(0|[1-9][0-9]{0,17})$/.test(text)) return { index: BigInt(text) };
  if (isSpanId(text)) return { this: text };
  if (/^[0-9a-f]{64}$/.test(text)) return { leaf: text };
  throw new CliError('USAGE', `${JSON.stringify(text.slice(0, 100))} names no entry`, {
    fix: 'use an index, a span id (urn:span:…), or a leaf hash (64 hex digits)',
  });
}

/**
 * The verified entry that is meant. Where it is, the server may say; that it is the one, it may not.
 * @throws CliError `NOT_FOUND`, `NOT_VERIFIED`
 */
export async function findEntry(
  context: Context,
  http: HttpLog,
  entries: VerifiedEntries,
  wanted: Wanted,
): Promise<VerifiedEntry> {
  if ('index' in wanted) return await entries.at(wanted.index);
  const kept = 'this' in wanted ? await keptIndex(context, entries.head.origin, wanted.this) : null;
  const index = kept ?? (await askIndex(http, wanted));
  const entry = await entries.at(index);
  const isIt = 'this' in wanted ? spanOf(entry)?.this === wanted.this : formatHex(entry.leaf) === wanted.leaf;
  if (isIt) return entry;
  const name = 'this' in wanted ? wanted.this : `leaf ${wanted.leaf}`;
  const said = kept === null ? `${http.prefix} says` : 'its receipt, which is kept here, says';
  throw new CliError('NOT_VERIFIED', `${said} that ${name} is entry ${index}, and that is another one`, {
    fix: 'tell the operator; logline log export and a search in the folder finds it, if it is there',
  });
}

/** Of a span whose receipt was verified and kept: no server need be asked. */
async function keptIndex(context: Context, origin: string, id: string): Promise<bigint | null> {
  const receipt = (await (await context.state()).findReceipt(id))?.['receipt'];
  if (typeof receipt !== 'object' || receipt === null || Array.isArray(receipt)) return null;
  const { log, index } = receipt as { readonly log?: unknown; readonly index?: unknown };
  return log === origin && typeof index === 'number' && Number.isSafeInteger(index) && index >= 0
    ? BigInt(index)
    : null;
}

async function askIndex(http: HttpLog, wanted: Exclude<Wanted, { index: bigint }>): Promise<bigint> {
  const query = 'this' in wanted ? `this=${wanted.this}` : `leaf=${wanted.leaf}`;
  const text = await http.text(`inclusion?${query}`);
  if (text === null)
    throw new CliError('NOT_FOUND', `${http.prefix} knows no such entry`, {
      fix: 'a log that only has tiles finds entries by their index alone',
    });
  try {
    return parseProof(text).index;
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError('NOT_VERIFIED', `${http.prefix} answered with no proof: ${cause.message}`, { cause });
  }
}
