import {
  blake3Digest,
  canonicalBytes,
  formatHex,
  signObjectSync,
  spanIdFromRandom,
  utf8,
  type JsonValue,
} from '@logline/canon-sign';
import { formatInstant, isIntent, type Span } from '@logline/contracts';
import { NOW_MS } from './clock.ts';
import { testKey, type TestKey } from './keys.ts';

export type SignedSpan = { readonly span: Span; /** Canonical, as logged. */ readonly bytes: Uint8Array };

export type SpanParts = {
  readonly intent: string;
  readonly subject: string;
  readonly payload?: Readonly<Record<string, unknown>>;
  /** `root` by default. */
  readonly key?: TestKey;
  readonly tsMs?: number;
  /** By default made from everything else, so that the same parts are the same span. */
  readonly id?: string;
  readonly prev?: string;
  /** Makes spans with equal parts differ. */
  readonly nth?: number;
};

/** A span on the real contract, really signed, and the same in every run. */
export function signedSpan({
  intent,
  subject,
  payload,
  key = testKey('root'),
  tsMs = NOW_MS,
  id,
  prev,
  nth = 0,
}: SpanParts): SignedSpan {
  const body = {
    schema_version: '1.1.0',
    entity_type: entityTypeOf(intent),
    did: { actor: key.kid, action: 'append' },
    intent,
    subject,
    ...(prev === undefined ? {} : { prev }),
    ...(payload === undefined ? {} : { payload }),
    ts: formatInstant(tsMs),
  } as const;
  // a test's payload is plain JSON by construction
  const identity = blake3Digest(utf8(`${nth} ${formatHex(canonicalBytes(body as unknown as JsonValue))}`));
  const unsigned = { ...body, this: id ?? spanIdFromRandom(tsMs, identity.subarray(0, 10)) };
  const span: Span = signObjectSync('span', unsigned, key.signer);
  return { span, bytes: canonicalBytes(span as unknown as JsonValue) };
}

function entityTypeOf(intent: string): Span['entity_type'] {
  if (!isIntent(intent)) return 'function';
  if (/\.(applied|verified|revoked)$/.test(intent) && !intent.startsWith('deploy.')) return 'decision';
  return intent.startsWith('registry.') || intent.startsWith('minicontainer.') ? 'contract' : 'function';
}
