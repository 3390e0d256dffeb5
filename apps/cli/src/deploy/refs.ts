import { formatSubject, parseShortRef } from '@logline/contracts';
import type { LogLineSDK } from '@logline/sdk';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';

export type ResolvedRef = { readonly ref: string; readonly subject: string };

const FULL = /@blake3:[0-9a-f]{64}$/;

/**
 * The full ref that a person means by a short one (protocol §1): what is signed always carries all 64 hex.
 *
 * @throws CliError `USAGE` when it is no ref, `NOT_FOUND` when nothing like it was applied, `CONFLICT` with the candidates when it is ambiguous
 */
export async function resolveRef(context: Context, sdk: LogLineSDK, text: string): Promise<ResolvedRef> {
  const short = parseShortRef(text);
  if (short === null) {
    throw new CliError('USAGE', `${JSON.stringify(text.slice(0, 200))} is no ref`, {
      fix: 'use mc:<tenant>/<name>, with @blake3:<4 hex or more> for a certain one',
    });
  }
  if (short.tenant !== sdk.tenant) {
    throw new CliError('USAGE', `${text} is not of the tenant ${sdk.tenant}`, {
      fix: `add --tenant ${short.tenant}`,
    });
  }
  const subject = formatSubject({ kind: 'minicontainer', tenant: short.tenant, name: short.name });
  if (FULL.test(text)) return { ref: text, subject };
  const [view, last] = await Promise.all([
    sdk.state(subject),
    context.state().then((state) => state.lastApply(short.tenant)),
  ]);
  // what was just applied may not be in the view yet
  const applied = last?.subject === subject ? [last.ref] : [];
  const current = typeof view?.state['ref'] === 'string' ? view.state['ref'] : undefined;
  const listed = Array.isArray(view?.state['refs'])
    ? view.state['refs'].filter((ref): ref is string => typeof ref === 'string')
    : [];
  return {
    subject,
    ref: pickRef(text, short.hexPrefix, {
      current,
      refs: [...new Set([...listed, ...applied])],
      newest: applied[0],
    }),
  };
}

/** Exported for its tests. */
export function pickRef(
  text: string,
  hexPrefix: string,
  known: { readonly current?: string; readonly refs: readonly string[]; readonly newest?: string },
): string {
  if (hexPrefix === '') {
    // a bare name is the manifest that counts now; what this machine applied last is at least as new as the view
    const isKnown =
      known.newest !== undefined &&
      known.current !== undefined &&
      known.refs.indexOf(known.newest) < known.refs.indexOf(known.current);
    const meant = isKnown ? known.current : (known.newest ?? known.current ?? known.refs.at(-1));
    if (meant !== undefined) return meant;
  }
  const candidates = known.refs.filter((ref) => ref.includes(`@blake3:${hexPrefix}`));
  const [first] = candidates;
  if (first === undefined)
    throw new CliError('NOT_FOUND', `nothing applied fits ${text}`, {
      fix: 'logline minicontainer apply <manifest.json> prints the ref; logline deploy list shows what was applied',
    });
  if (candidates.length > 1)
    throw new CliError(
      'CONFLICT',
      `${text} fits more than one manifest: ${candidates.slice(0, 8).join(', ')}`,
      { fix: 'give more of its hex digits' },
    );
  return first;
}
