import Type from 'typebox';

/** The small words every message is made of (protocol §1, §2): names, ids, hashes, keys, times. */

export const TENANT_PATTERN = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';
export const ID_PATTERN = '^[A-Za-z0-9._-]{1,64}$';
export const SPAN_ID_PATTERN =
  '^urn:span:[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';
export const SUBJECT_PATTERN =
  '^urn:(minicontainer:[a-z0-9-]{1,63}/[a-z0-9-]{1,63}|person:[a-z0-9-]{1,63}/[A-Za-z0-9._-]{1,64}|tenant:[a-z0-9-]{1,63})$';
export const REF_PATTERN =
  '^mc:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?@blake3:[0-9a-f]{64}$';

/** Tenant or container name. */
export const Name = Type.String({ pattern: TENANT_PATTERN });
/** Key, token, runner, artifact, grant or proof id. */
export const Id = Type.String({ pattern: ID_PATTERN });
export const SpanId = Type.String({ pattern: SPAN_ID_PATTERN });
export const SubjectUrn = Type.String({ pattern: SUBJECT_PATTERN });
/** Full manifest ref; short ones are for people and never signed. */
export const Ref = Type.String({ pattern: REF_PATTERN });
export const Hash = Type.String({ pattern: '^blake3:[0-9a-f]{64}$' });
/** Ed25519 or X25519 public key, 32 bytes. */
export const PublicKeyHex = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** Ed25519 signature, 64 bytes, RFC 4648 §4. */
export const SignatureBase64 = Type.String({ pattern: '^[A-Za-z0-9+/]{85}[AQgw]==$' });
export const GrantSignature = Type.String({ pattern: '^ed25519:[A-Za-z0-9+/]{85}[AQgw]==$' });
export const Base64 = Type.String({
  pattern: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$',
});
/** `YYYY-MM-DDTHH:MM:SS[.sss]Z`. */
export const INSTANT_PATTERN =
  '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z$';
export const Instant = Type.String({ pattern: INSTANT_PATTERN });
/** `PnD` or `PTnHnMnS`, no months or years. */
export const Duration = Type.String({
  pattern: '^P([0-9]{1,5}D|T([0-9]{1,6}H)?([0-9]{1,6}M)?([0-9]{1,8}S)?)$',
});
/** `deploy:*`, `prove:*`, `grant:*`, `registry:*`, or `*` for all of them. */
export const Scope = Type.String({ pattern: '^(\\*|[a-z_]{1,32}:(\\*|[a-z_.]{1,64}))$' });
export const Scopes = Type.Array(Scope, { maxItems: 32 });
export const Signature = Type.Object(
  { kid: Id, alg: Type.Literal('ed25519-blake3'), sig: SignatureBase64 },
  { additionalProperties: false },
);
/** Numbers that count things in JSON: exact up to 2^53 − 1. */
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const FORMS: ReadonlyMap<string, string> = new Map(
  (
    [
      [Name, '[a-z0-9-]{1,63}'],
      [Id, '[A-Za-z0-9._-]{1,64}'],
      [SpanId, 'urn:span:<uuid v7>'],
      [SubjectUrn, 'urn:minicontainer:<tenant>/<name>'],
      [Ref, 'mc:<tenant>/<name>@blake3:<64 hex>'],
      [Hash, 'blake3:<64 hex>'],
      [PublicKeyHex, '<64 hex>'],
      [SignatureBase64, '<88 base64>'],
      [GrantSignature, 'ed25519:<88 base64>'],
      [Base64, '<base64>'],
      [Instant, 'YYYY-MM-DDTHH:MM:SS.sssZ'],
      [Duration, 'PnD | PTnHnMnS'],
      [Scope, '<family>:<what> | <family>:* | *'],
    ] as const
  ).map(([schema, form]) => ['pattern' in schema ? String(schema.pattern) : '', form]),
);

/** How people write what a pattern takes: one of the forms above, else the pattern itself. */
export function formOf(pattern: string): string {
  return FORMS.get(pattern) ?? pattern;
}

const DURATION = /^P(?:(\d+)D|T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)$/;

/** Milliseconds of a `Duration`; null when the text is not one (`P`, `PT` and months included). */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null || text === 'PT') return null;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (
    (days ?? 0) * 86_400_000 + (hours ?? 0) * 3_600_000 + (minutes ?? 0) * 60_000 + (seconds ?? 0) * 1000
  );
}

/** Milliseconds UTC of an `Instant`; null when the text is not one, or names no real day. By hand: `Date.parse` takes 200 ns, and rolls 30 February over to March. */
export function parseInstant(text: string): number | null {
  if (!INSTANT.test(text)) return null;
  const number = (from: number, to: number): number => {
    let value = 0;
    for (let at = from; at < to; at += 1) value = value * 10 + text.charCodeAt(at) - DIGIT_ZERO;
    return value;
  };
  const year = number(0, 4);
  const month = number(5, 7);
  const day = number(8, 10);
  if (day > daysIn(year, month)) return null;
  const millis = text.length === WITH_MILLIS ? number(20, 23) : 0;
  const clock = [number(11, 13), number(14, 16), number(17, 19), millis] as const;
  // the years before 100 are taken for those of the last century there
  return year < 100 ? Date.parse(text) : Date.UTC(year, month - 1, day, ...clock);
}
const DIGIT_ZERO = 0x30;
const WITH_MILLIS = '0000-00-00T00:00:00.000Z'.length;

function daysIn(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

const INSTANT = new RegExp(INSTANT_PATTERN);

/** `YYYY-MM-DDTHH:MM:SS.sssZ`. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString();
}

/** Whether a list of scopes covers one: `deploy:*` covers `deploy:apply`, `*` covers all. */
export function hasScope(scopes: readonly string[], wanted: string): boolean {
  const family = `${wanted.slice(0, wanted.indexOf(':'))}:*`;
  return scopes.some((scope) => scope === '*' || scope === wanted || scope === family);
}
