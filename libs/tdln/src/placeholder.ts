import { faultOf, type Fault } from './fault.ts';

type Slot = {
  readonly list: 'artifacts' | 'grants' | null;
  readonly field: string;
  /** A well-formed value to check the rest of the manifest with. */
  readonly standIn: string;
};

const HEX = '0'.repeat(64);
const BASE64 = `${'A'.repeat(86)}==`;
const SLOTS: readonly Slot[] = [
  { list: 'artifacts', field: 'hash', standIn: `blake3:${HEX}` },
  { list: 'grants', field: 'artifact_hash', standIn: `blake3:${HEX}` },
  { list: 'grants', field: 'sig', standIn: `ed25519:${BASE64}` },
];

export type Placeholders = {
  /** The manifest with every placeholder replaced by something well formed, so that the rest can be checked too. */
  readonly filled: unknown;
  readonly faults: readonly Fault[];
};

/** Values that a template leaves for tools to fill in (`hex...`, `blake3:abcd...`), each with its command. */
export function findPlaceholders(manifest: unknown): Placeholders {
  if (!isRecord(manifest)) return { filled: manifest, faults: [] };
  const faults: Fault[] = [];
  const mark = (at: string, value: string, command: string): void => {
    faults.push(faultOf('placeholder', at, { value, command }));
  };
  const fillList = (list: unknown, fill: (item: Fields, i: number) => Fields): unknown =>
    Array.isArray(list) ? list.map((item: unknown, i) => (isRecord(item) ? fill(item, i) : item)) : list;

  const slots = isRecord(manifest['slots'])
    ? {
        ...manifest['slots'],
        signing: fillList(manifest['slots']['signing'], (slot, i) => {
          const { pub } = slot;
          if (!isPlaceholder(pub)) return slot;
          mark(
            `/slots/signing/${i}/pub`,
            pub,
            `logline wallet show prints the public key of ${text(slot['kid'])}`,
          );
          return { ...slot, pub: String(i).padStart(64, '0') };
        }),
      }
    : manifest['slots'];
  const fillNamed = (name: 'artifacts' | 'grants'): unknown =>
    fillList(manifest[name], (item, i) => {
      const filled: Record<string, unknown> = { ...item };
      for (const { list, field, standIn } of SLOTS) {
        const value = item[field];
        if (list !== name || !isPlaceholder(value)) continue;
        mark(`/${name}/${i}/${field}`, value, commandFor(name, item));
        filled[field] = standIn;
      }
      return filled;
    });
  const artifacts = fillNamed('artifacts');
  const grants = fillNamed('grants');
  const { provenance } = manifest;
  const isUnfilled = isRecord(provenance) && isPlaceholder(provenance['sig']);
  if (isRecord(provenance) && isPlaceholder(provenance['sig'])) {
    mark('/provenance/sig', provenance['sig'], 'logline minicontainer sign <manifest.json>');
  }
  const filled: Fields = {
    ...manifest,
    ...(slots === undefined ? {} : { slots }),
    ...(artifacts === undefined ? {} : { artifacts }),
    ...(grants === undefined ? {} : { grants }),
    ...(isUnfilled ? { provenance: { ...provenance, sig: BASE64 } } : {}),
  };
  return { filled: faults.length === 0 ? manifest : filled, faults };
}

function commandFor(list: 'artifacts' | 'grants', item: Fields): string {
  return list === 'artifacts'
    ? `logline wallet seal ${text(item['id'])}`
    : `logline wallet grant ${text(item['artifact_id'])} --aud ${text(item['aud'])}`;
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Ends in dots, or stands in angle brackets, in a field where neither could be meant. */
function isPlaceholder(value: unknown): value is string {
  return typeof value === 'string' && (/(\.\.\.|…)$/.test(value) || /^<.*>$/.test(value));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '<id>';
}
