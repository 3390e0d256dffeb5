import {
  canonicalBytes,
  formatHex,
  type JsonValue,
  type LocalSigner,
  signObjectSync,
  spanIdFromRandom,
} from '@logline/canon-sign';
import { formatInstant, type LogAdopted } from '@logline/contracts';
import type { Anchor, Tip } from '../domain/anchor.ts';

export type Adoption = {
  readonly partition: number;
  readonly tip: Tip;
  readonly anchor: Anchor | undefined;
};

/** The bytes of the entry that records an adoption in one tenant's log: who, when, and what was found. */
export function adoptionSpan(
  tenant: string,
  { partition, tip, anchor }: Adoption,
  operator: LocalSigner,
  nowMs: number,
  random: Uint8Array,
): Uint8Array {
  const payload = {
    kind: 'registry/log-adoption.v1',
    partition,
    database: toTip(tip),
    ...(anchor === undefined ? {} : { anchor: toTip(anchor) }),
  } satisfies LogAdopted;
  const unsigned = {
    schema_version: '1.1.0',
    entity_type: 'function',
    this: spanIdFromRandom(nowMs, random),
    did: { actor: operator.kid, action: 'append' },
    intent: 'registry.log.adopted',
    subject: `urn:tenant:${tenant}`,
    payload,
    ts: formatInstant(nowMs),
  };
  const span: JsonValue = signObjectSync('span', unsigned, operator);
  return canonicalBytes(span);
}

function toTip({ position, chain }: Pick<Tip, 'position' | 'chain'>): LogAdopted['database'] {
  return { position, chain: `blake3:${formatHex(chain)}` };
}
