import { blake3Digest, CanonError, formatHex, parseHex, parseStrict, utf8 } from '@logline/canon-sign';

/**
 * How far a partition has come: its commits so far, and a hash chain over the checkpoints they signed. Two databases with the same chain hold the
 * same logs; of two different chains at one position one is a fork.
 */
export type Tip = {
  /** Commits of the partition; 0 before the first one. */
  readonly position: number;
  /** 32 bytes. */
  readonly chain: Uint8Array;
  /** The chain before the last commit. */
  readonly previous: Uint8Array;
};

/** What stands outside PostgreSQL's disk: the tip as the last acknowledged commit left it. */
export type Anchor = {
  readonly partition: number;
  readonly position: number;
  /** Of the leader that set it. */
  readonly epoch: number;
  readonly chain: Uint8Array;
  /** When, by that leader's clock; for people. */
  readonly at: string;
};

const CHAIN_BYTES = 32;
export const NO_CHAIN = new Uint8Array(CHAIN_BYTES);
/** Of a partition that has committed nothing. */
export const FIRST_TIP: Tip = { position: 0, chain: NO_CHAIN, previous: NO_CHAIN };

const DOMAIN = utf8('logline anchor v1\n');

/** The tip behind a commit that signed these checkpoints, in the order of its logs. */
export function nextTip(tip: Tip, checkpoints: readonly string[]): Tip {
  const chain = blake3Digest(
    Buffer.concat([DOMAIN, tip.chain, ...checkpoints.map((note) => blake3Digest(utf8(note)))]),
  );
  return { position: tip.position + 1, chain, previous: tip.chain };
}

/** What a leader knows when it asks whether it may sign. */
export type Standing = {
  readonly tip: Tip;
  /** Whether the partition has any log at all. */
  readonly isEmpty: boolean;
  /** Of the leader that asks. */
  readonly epoch: number;
  /** The epoch has set the anchor before. */
  readonly hasSet: boolean;
};

export type AnchorDecision =
  /** Nothing to do. */
  | { readonly kind: 'stands' }
  /** To be set to the tip: the last commit is not in it yet, or an earlier epoch set it, which is fenced by that. */
  | { readonly kind: 'set' }
  | { readonly kind: 'refuse'; readonly code: 'BEHIND_ANCHOR' | 'ANCHOR_MISSING'; readonly why: string };

/** Whether the database is the one whose commits were acknowledged (architecture "PostgreSQL is the truth, JetStream carries it"). */
export function decideAnchor(
  { tip, isEmpty, epoch, hasSet }: Standing,
  anchor: Anchor | undefined,
): AnchorDecision {
  if (anchor === undefined) {
    if (tip.position === 0 && isEmpty) return { kind: 'stands' };
    // the very first COMMIT, which a crash kept from making it: whatever was acknowledged is in it
    if (tip.position === 1 && isSame(tip.previous, NO_CHAIN)) return { kind: 'set' };
    return refuse('ANCHOR_MISSING', `there is none, and the database has ${tip.position} commits`);
  }
  if (anchor.epoch > epoch || (anchor.epoch === epoch && !hasSet))
    return refuse('BEHIND_ANCHOR', `it was set in epoch ${anchor.epoch}, and the database knows ${epoch}`);
  if (isSame(tip.chain, anchor.chain) && tip.position === anchor.position)
    return anchor.epoch === epoch ? { kind: 'stands' } : { kind: 'set' };
  if (tip.position <= anchor.position) {
    const what = tip.position === anchor.position ? 'another commit there' : `only ${tip.position}`;
    return refuse('BEHIND_ANCHOR', `it stands at commit ${anchor.position}, and the database has ${what}`);
  }
  if (tip.position > anchor.position + 1)
    return refuse(
      'ANCHOR_MISSING',
      `it stands at commit ${anchor.position} and the database at ${tip.position}: what was set since is lost`,
    );
  // its own last COMMIT, which a crash kept from the anchor
  if (isSame(tip.previous, anchor.chain)) return { kind: 'set' };
  return refuse('BEHIND_ANCHOR', `the database has another commit ${anchor.position} than it names`);
}

function refuse(
  code: 'BEHIND_ANCHOR' | 'ANCHOR_MISSING',
  why: string,
): Extract<AnchorDecision, { kind: 'refuse' }> {
  return { kind: 'refuse', code, why };
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

export function formatAnchor({ partition, position, epoch, chain, at }: Anchor): Uint8Array {
  return utf8(JSON.stringify({ v: 1, partition, position, epoch, chain: formatHex(chain), at }));
}

/** Undefined for what is no anchor of this partition: as good as none. */
export function parseAnchor(bytes: Uint8Array, partition: number): Anchor | undefined {
  const json = parseJson(bytes);
  const { v, partition: named, position, epoch, chain, at } = Object(json) as Record<string, unknown>; // whatever is there
  const isWhole =
    v === 1 &&
    named === partition &&
    isCount(position) &&
    isCount(epoch) &&
    typeof chain === 'string' &&
    /^[0-9a-f]{64}$/.test(chain) &&
    typeof at === 'string';
  if (!isWhole) return undefined;
  return { partition, position, epoch, chain: parseHex(chain, CHAIN_BYTES), at };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return parseStrict(bytes);
  } catch (cause) {
    if (cause instanceof CanonError) return undefined;
    throw cause;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
