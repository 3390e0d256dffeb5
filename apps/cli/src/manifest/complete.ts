import { isObject, type JsonObject } from '../json-file.ts';

export type Completion = {
  readonly manifest: JsonObject;
  /** What was filled in, each as a sentence for people. */
  readonly filled: readonly string[];
};

export type Filler = {
  readonly tenant: string;
  readonly kid: string;
  readonly pub: string;
  /** Of the API token this person uses; without it the container could not be acted on (protocol §3). */
  readonly tokenId: string | null;
  readonly now: string;
};

const SLOT_SCOPES = ['deploy:*', 'prove:*', 'grant:*'];

/** Whether a manifest carries a signature, and not just the place where one goes. */
export function isSigned(manifest: JsonObject): boolean {
  const { provenance } = manifest;
  return (
    isObject(provenance) &&
    typeof provenance['sig'] === 'string' &&
    !isPlaceholder(provenance['sig']) &&
    provenance['sig'] !== ''
  );
}

/**
 * An unsigned manifest with what only its signer knows filled in: type, version, time, owner, and the slots of the signing key and of the token in
 * use. What the author wrote stays, but for placeholders of keys. Never called on a signed one.
 */
export function completeManifest(manifest: JsonObject, filler: Filler): Completion {
  const filled: string[] = [];
  const put = <T>(value: T, what: string): T => {
    filled.push(what);
    return value;
  };
  const { provenance: _unsigned, ...rest } = manifest;
  const owner = isObject(rest['owner']) ? rest['owner'] : {};
  const slots = isObject(rest['slots']) ? rest['slots'] : {};
  return {
    manifest: {
      ...rest,
      type: rest['type'] ?? put('ll.minicontainer.v1', 'type'),
      version: rest['version'] ?? put('1.0.0', 'version 1.0.0'),
      owner: { ...owner, tenant: owner['tenant'] ?? put(filler.tenant, `owner.tenant ${filler.tenant}`) },
      slots: {
        ...slots,
        signing: signingSlots(slots['signing'], filler, put),
        api: apiSlots(slots['api'], filler, put),
      },
      ts: rest['ts'] ?? put(filler.now, `ts ${filler.now}`),
    },
    filled,
  };
}

type Put = <T>(value: T, what: string) => T;
type Value = JsonObject[string];

function signingSlots(given: Value | undefined, { kid, pub }: Filler, put: Put): Value {
  if (given !== undefined && !Array.isArray(given)) return given; // verify will say what is wrong with it
  const slots = (given ?? []).filter((slot: Value) => !(isObject(slot) && isPlaceholder(slot['pub'])));
  if (slots.some((slot: Value) => isObject(slot) && slot['kid'] === kid)) return slots;
  return put([...slots, { kid, pub, status: 'active' }], `slots.signing ${kid}`);
}

function apiSlots(given: Value | undefined, { tokenId }: Filler, put: Put): Value {
  if (given !== undefined && !Array.isArray(given)) return given;
  const slots = given ?? [];
  if (tokenId === null || slots.some((slot: Value) => isObject(slot) && slot['token_id'] === tokenId))
    return slots;
  return put(
    [...slots, { token_id: tokenId, scopes: SLOT_SCOPES, status: 'active' }],
    `slots.api ${tokenId}`,
  );
}

function isPlaceholder(value: unknown): boolean {
  return typeof value === 'string' && (/(\.\.\.|…)$/.test(value) || /^<.*>$/.test(value));
}
