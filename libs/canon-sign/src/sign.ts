import { blake3Digest } from './blake3.ts';
import { formatBase64, parseBase64, utf8 } from './bytes.ts';
import { canonicalBytes, canonicalText, isPlainObject } from './canonical-json.ts';
import { isValidSignature } from './ed25519.ts';
import { CanonError } from './errors.ts';
import {
  REQUEST_CONTEXT,
  SIGNATURE_ALG,
  SIGNED_KINDS,
  type SignedKind,
  type SignedKindRow,
  type SignedObjectKind,
} from './signed-kinds.ts';
import type { LocalSigner, Signer } from './signer.ts';

/** What signing adds to an object of each kind. */
export interface SignatureFields {
  manifest: {
    readonly provenance: { readonly kid: string; readonly alg: typeof SIGNATURE_ALG; readonly sig: string };
  };
  span: {
    readonly signature: { readonly kid: string; readonly alg: typeof SIGNATURE_ALG; readonly sig: string };
  };
  proof: { readonly kid: string; readonly sig: string };
  grant: { readonly kid: string; readonly sig: string };
  receipt: { readonly signature: string };
  possession: { readonly possession: string };
  commit: { readonly signature: string };
}

/**
 * A signed copy of the object: `kid` and `alg` filled in where the kind has them, then the signature over all but itself.
 * A signature that was there is replaced; the rest is taken as it is. For a request: its base64 signature.
 *
 * @throws CanonError as `signedMessage` does
 * @see protocol §2
 * @example
 * const span = await signObject('span', { this: id, intent: 'deploy.stop' }, signerFromSeed('kid_sign_1', seed));
 * verifyObject('span', span, publicKey);
 */
export function signObject(kind: 'request', text: string, signer: Signer): Promise<string>;
export function signObject<K extends SignedObjectKind, T extends object>(
  kind: K,
  object: T,
  signer: Signer,
): Promise<T & SignatureFields[K]>;
export async function signObject(
  kind: SignedKind,
  object: object | string,
  signer: Signer,
): Promise<unknown> {
  const draft = kind === 'request' ? object : withNames(kind, object, signer.kid);
  const signature = await signer.sign(signedMessage(kind, draft));
  return withSignature(kind, draft, signature);
}

/** As `signObject`, for a signer that answers at once. */
export function signObjectSync(kind: 'request', text: string, signer: LocalSigner): string;
export function signObjectSync<K extends SignedObjectKind, T extends object>(
  kind: K,
  object: T,
  signer: LocalSigner,
): T & SignatureFields[K];
export function signObjectSync(kind: SignedKind, object: object | string, signer: LocalSigner): unknown {
  const draft = kind === 'request' ? object : withNames(kind, object, signer.kid);
  return withSignature(kind, draft, signer.sign(signedMessage(kind, draft)));
}

/**
 * Returns quietly when the object carries this key's signature of this kind, and throws otherwise. Safe on anything
 * `parseStrict` returned. Whose key it is, and whether `kid` names it, is the caller's to know. A request is `{text, signature}`.
 *
 * @throws CanonError `SIGNATURE_MISSING` when there is none
 * @throws CanonError `MALFORMED` when there is something else in its place, or another `alg`; also as `signedMessage` does
 * @throws CanonError `SIGNATURE_INVALID` when it is not that of these bytes by this key
 * @see protocol §2
 */
export function verifyObject(kind: SignedKind, object: unknown, publicKey: Uint8Array): void {
  const { signature, signed } =
    kind === 'request' ? readRequest(object) : { signature: readSignature(kind, object), signed: object };
  if (isValidSignature(publicKey, signedMessage(kind, signed), signature)) return;
  throw new CanonError('SIGNATURE_INVALID', `the signature is not that of this ${kind} by this key`);
}

/**
 * As `verifyObject`, of an object whose canonical bytes are at hand: what is signed is found in them, not written again. `bytes` must be those of the object.
 * Throws as that does.
 */
export function verifyCanonical(
  kind: SignedObjectKind,
  object: unknown,
  bytes: Uint8Array,
  publicKey: Uint8Array,
): void {
  const signature = readSignature(kind, object);
  const signed = withoutMember(bytes, fieldsOf(kind, object), SIGNED_KINDS[kind]);
  const message =
    signed === undefined ? signedMessage(kind, object) : toMessage(SIGNED_KINDS[kind].context, signed);
  if (isValidSignature(publicKey, message, signature)) return;
  throw new CanonError('SIGNATURE_INVALID', `the signature is not that of this ${kind} by this key`);
}

/**
 * As `signObjectSync`, with the canonical bytes of the signed object, which are written only once. Throws as that does.
 */
export function signCanonical<K extends 'span' | 'manifest', T extends object>(
  kind: K,
  object: T,
  signer: LocalSigner,
): { readonly signed: T & SignatureFields[K]; readonly bytes: Uint8Array };
export function signCanonical(kind: 'span' | 'manifest', object: object, signer: LocalSigner): unknown {
  const { context, holder = '' } = SIGNED_KINDS[kind];
  const draft = withoutSignature(kind, withNames(kind, object, signer.kid));
  const text = canonicalText(draft);
  const signature = signer.sign(toMessage(context, utf8(text)));
  const signed = withSignature(kind, draft, signature);
  // the signature's value is the last member of its holder, and goes before its closing brace
  const names = fieldsOf(kind, draft)[holder];
  const held = `"${holder}":${canonicalText(names)}`;
  const at = text.indexOf(held);
  const isPlain = at === text.lastIndexOf(held) && comesLast('sig', names);
  if (!isPlain) return { signed, bytes: canonicalBytes(signed) };
  const end = at + held.length - 1;
  return {
    signed,
    bytes: utf8(`${text.slice(0, end)},"sig":"${formatBase64(signature)}"${text.slice(end)}`),
  };
}

/**
 * Canonical bytes without the signature's value, where that can be told without parsing: it is the last of its holder's members, and what it reads there is read
 * nowhere else (in a string its quotes would be escaped). Undefined where it cannot.
 */
function withoutMember(
  bytes: Uint8Array,
  fields: Fields,
  { holder, field }: SignedKindRow,
): Uint8Array | undefined {
  const held = holder === undefined ? undefined : fields[holder];
  if (!isPlainObject(held) || !comesLast(field, held)) return undefined;
  const member = utf8(`,"${field}":${canonicalText(held[field])}}`);
  const at = indexOf(bytes, member, 0);
  if (at === -1 || indexOf(bytes, member, at + 1) !== -1) return undefined;
  const rest = bytes.subarray(at + member.length - 1);
  const signed = new Uint8Array(at + rest.length);
  signed.set(bytes.subarray(0, at));
  signed.set(rest, at);
  return signed;
}

/** Whether a member comes behind some other, and before none, where keys are in order. */
function comesLast(name: string, holder: unknown): boolean {
  const others = Object.keys(Object(holder)).filter((key) => key !== name);
  return others.length > 0 && others.every((key) => key < name);
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  const first = wanted[0] ?? 0;
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    let same = 1;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
    if (same === wanted.length) return at;
  }
  return -1;
}

/**
 * The exact bytes that are signed: `utf8(context + "\n") ‖ blake3(canonical bytes)`, of the object without its signature; of a
 * request, the UTF-8 of its string.
 *
 * @throws CanonError `MALFORMED` when it is no plain object (for a request: no string); as `canonicalBytes` for what is in it
 * @see protocol §2
 */
export function signedMessage(kind: SignedKind, object: unknown): Uint8Array {
  if (kind === 'request') {
    if (typeof object !== 'string')
      throw new CanonError('MALFORMED', 'the signed string of a request is no string');
    return toMessage(REQUEST_CONTEXT, utf8(object));
  }
  return toMessage(SIGNED_KINDS[kind].context, canonicalBytes(withoutSignature(kind, object)));
}

function toMessage(context: string, bytes: Uint8Array): Uint8Array {
  const head = utf8(`${context}\n`);
  const message = new Uint8Array(head.length + 32);
  message.set(head);
  message.set(blake3Digest(bytes), head.length);
  return message;
}

function withNames(kind: SignedObjectKind, object: unknown, kid: string): Fields {
  const { holder, names } = SIGNED_KINDS[kind];
  const values = { kid, alg: SIGNATURE_ALG };
  const named = Object.fromEntries(names.map((name) => [name, values[name]]));
  const fields = fieldsOf(kind, object);
  if (!holder) return { ...fields, ...named };
  const before = fields[holder];
  return { ...fields, [holder]: isPlainObject(before) ? { ...before, ...named } : named };
}

function withSignature(kind: SignedKind, draft: unknown, signature: Uint8Array): string | Fields {
  if (kind === 'request') return formatBase64(signature);
  const { holder, field, prefix } = SIGNED_KINDS[kind];
  const fields = fieldsOf(kind, draft);
  const value = prefix + formatBase64(signature);
  return holder
    ? { ...fields, [holder]: { ...fieldsOf(kind, fields[holder]), [field]: value } }
    : { ...fields, [field]: value };
}

function withoutSignature(kind: SignedObjectKind, object: unknown): Fields {
  const { holder, field, alsoLeftOut } = SIGNED_KINDS[kind];
  const fields = fieldsOf(kind, object);
  if (!holder) return without(fields, field, alsoLeftOut);
  const held = fields[holder];
  return isPlainObject(held) ? { ...fields, [holder]: without(held, field) } : fields;
}

function without(fields: Fields, field: string, other: string = field): Fields {
  const { [field]: _one, [other]: _two, ...rest } = fields;
  return rest;
}

function readRequest(request: unknown): { signature: Uint8Array; signed: unknown } {
  if (!isPlainObject(request)) throw new CanonError('MALFORMED', 'a signed request is { text, signature }');
  return { signature: toSignature(request['signature'], ''), signed: request['text'] };
}

function readSignature(kind: SignedObjectKind, object: unknown): Uint8Array {
  const { holder, field, names, prefix } = SIGNED_KINDS[kind];
  const fields = fieldsOf(kind, object);
  if (!holder) return toSignature(fields[field], prefix);
  const held = fields[holder];
  if (held === undefined) throw new CanonError('SIGNATURE_MISSING', `the ${kind} has no ${holder}`);
  if (!isPlainObject(held))
    throw new CanonError('MALFORMED', `the ${holder} of the ${kind} is no object`, { pointer: `/${holder}` });
  const signature = toSignature(held[field], prefix);
  if (names.includes('alg') && held['alg'] !== SIGNATURE_ALG) {
    throw new CanonError('MALFORMED', `the only algorithm is ${SIGNATURE_ALG}`, {
      pointer: `/${holder}/alg`,
    });
  }
  return signature;
}

function toSignature(value: unknown, prefix: string): Uint8Array {
  if (value === undefined || value === '') throw new CanonError('SIGNATURE_MISSING', 'there is no signature');
  if (typeof value !== 'string' || !value.startsWith(prefix)) {
    throw new CanonError('MALFORMED', `a signature is ${prefix || 'plain '}base64`);
  }
  const signature = parseBase64(value.slice(prefix.length));
  if (signature.length !== 64)
    throw new CanonError('MALFORMED', `a signature of ${signature.length} bytes where 64 belong`);
  return signature;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(kind: SignedKind, object: unknown): Fields {
  if (isPlainObject(object)) return object;
  throw new CanonError('MALFORMED', `a ${kind} is a plain object`, { pointer: '' });
}
