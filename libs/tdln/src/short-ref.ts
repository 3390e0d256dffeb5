import { parseRef, parseShortRef, type ManifestRef } from '@logline/contracts';
import { faultOf, type Fault } from './fault.ts';
import type { Hearing } from './hearing.ts';
import { manifestKey } from './keys.ts';

/** The parts of a full ref; null for anything else. */
export function fullRef(text: string): ManifestRef | null {
  try {
    return parseRef(text);
  } catch {
    return null; // the only thing it throws is BAD_REF
  }
}

/** Whether a text is a ref for people (`mc:t/n`, `mc:t/n@blake3:abcd`), which is never signed (protocol §1). */
export function isShortRef(text: unknown): text is string {
  return typeof text === 'string' && parseShortRef(text) !== null && fullRef(text) === null;
}

/** What the short ref could have been: the full one, the candidates, or that there is none. */
export function shortRefFault(hearing: Hearing, short: string, at: string, subject: string): Fault {
  hearing.read(manifestKey(subject));
  const container = hearing.knowledge.containers.get(subject);
  const current = container?.current ?? null;
  const wanted = parseShortRef(short);
  const refs = [...(container?.manifests.keys() ?? [])].filter((ref) => {
    const full = fullRef(ref);
    return (
      full !== null &&
      wanted !== null &&
      full.tenant === wanted.tenant &&
      full.name === wanted.name &&
      full.hash.startsWith(`blake3:${wanted.hexPrefix}`)
    );
  });
  const [first] = refs;
  if (first === undefined) return faultOf('ref_unknown', at, { ref: short, subject });
  // without any hex, the container is named and its current manifest is meant
  if (wanted?.hexPrefix === '' && current !== null) return faultOf('short_ref', at, { short, full: current });
  if (refs.length === 1) return faultOf('short_ref', at, { short, full: first });
  return faultOf('short_ref_ambiguous', at, { short, candidates: refs.slice(-8).join(' ') });
}
