import { canonicalBytes, signObject, spanIdFromRandom, type Signer } from '@logline/canon-sign';
import { formatInstant, isIntent, ruleOf, type Span } from '@logline/contracts';

/** A span as a person writes it: intent, subject and payload are enough, the rest is filled in and signed. */
export type SpanInput = Partial<Omit<Span, 'intent' | 'subject'>> & Pick<Span, 'intent' | 'subject'>;

/** A signed span and the exact bytes that go on the wire and into the log. */
export type SignedSpan = { readonly span: Span; readonly bytes: Uint8Array };

/** Fills in what is missing and signs; a span that is signed already is sent as it is. */
export async function signSpan(
  input: SpanInput,
  signer: Signer,
  nowMs: number,
  actor: string,
): Promise<SignedSpan> {
  const given = dropUndefined(input);
  if (given.signature !== undefined) {
    const span = given as Span; // every other field is the caller's word; the gate judges it
    return { span, bytes: canonicalBytes(span) };
  }
  const draft = {
    schema_version: '1.1.0' as const,
    entity_type: entityTypeOf(given.intent),
    this: spanIdFromRandom(nowMs, crypto.getRandomValues(new Uint8Array(10))),
    did: { actor, action: 'append' as const },
    ts: formatInstant(nowMs),
    ...given,
  };
  const span: Span = await signObject('span', draft, signer);
  return { span, bytes: canonicalBytes(span) };
}

function entityTypeOf(intent: string): Span['entity_type'] {
  if (isIntent(intent) && ruleOf(intent).verdict !== undefined && intent.startsWith('wallet.'))
    return 'decision';
  return intent.startsWith('deploy.') ? 'function' : 'contract';
}

/** `undefined` is absence in JavaScript and nothing in JSON. */
function dropUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T; // same keys, fewer
}
