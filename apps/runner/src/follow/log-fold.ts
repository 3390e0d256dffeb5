import { formatHex, type JsonValue, parseStrict } from '@logline/canon-sign';
import { checkerOf, type FactPlace, LogRotated, Span, TenantCreated } from '@logline/contracts';
import { emptyKnowledge, fold, type Knowledge, parseSnapshot, snapshotOf, verifyFact } from '@logline/tdln';
import {
  appendLeaf,
  type Edge,
  emptyEdge,
  formatEdge,
  leafHash,
  logKeyAt,
  type LogKeys,
  parseEdge,
  parseVkey,
  rootOf,
  TlogError,
  verifyCheckpoint,
  type Vkey,
} from '@logline/tlog';
import { RunnerError } from '../errors.ts';

/** What a runner trusts without proof: from its own configuration, never from the wire. */
export type Pins = {
  readonly tenant: string;
  /** Public key, 64 hex: the tenant must have been born with it. */
  readonly rootKey: string;
  /** The one the tenant was born with; rotations in the log lead on from it. */
  readonly logKey: Vkey;
};

export type ReadFact = {
  readonly bytes: Uint8Array;
  readonly place: FactPlace;
  /** In the stream: where to read on, and no more than that. */
  readonly sequence: number;
};
/** A fact that the runner has verified for itself. */
export type VerifiedFact = {
  readonly span: Span;
  readonly index: number;
  readonly timeMs: number;
  readonly trace: string;
};

const spanChecker = checkerOf(Span);
const birthChecker = checkerOf(TenantCreated);
const rotationChecker = checkerOf(LogRotated);
const ROTATED = 'registry.log.rotated';

/**
 * The runner's own reading of its tenant's log. Facts count only once a checkpoint covers them that is signed by the pinned log key, or
 * by the one that a verified rotation has put in its place; and each keeps the gate's rules from the pinned root key on (`verifyFact`). Pure; owned by whoever replays the journal.
 */
export class LogFold {
  readonly knowledge: Knowledge;
  readonly #pins: Pins;
  #edge: Edge;
  #sequence: number;
  /** Read, but not covered by a checkpoint yet. */
  #uncovered: ReadFact[] = [];

  constructor(pins: Pins, stored?: StoredFold) {
    this.#pins = pins;
    this.knowledge = stored === undefined ? emptyKnowledge(pins.tenant) : parseSnapshot(stored.knowledge);
    this.#sequence = stored?.sequence ?? 0;
    this.#edge = stored === undefined ? emptyEdge() : parseEdge(Buffer.from(stored.edge, 'base64'));
    if (this.knowledge.tenant !== pins.tenant || BigInt(this.knowledge.index + 1) !== this.#edge.size) {
      throw mismatch('the stored reading is of another log');
    }
  }

  /** Last index read, verified or not; −1 for none. */
  get readIndex(): number {
    return this.knowledge.index + this.#uncovered.length;
  }

  /** Stream sequence of that fact; 0 for none. */
  get readSequence(): number {
    return this.#sequence;
  }

  /** The pinned key, and those that verified rotations have led to. */
  get keys(): LogKeys {
    const rotated = this.knowledge.rotations.map(({ key, fromMs }) => ({ vkey: parseVkey(key), fromMs }));
    return [{ vkey: this.#pins.logKey, fromMs: 0 }, ...rotated];
  }

  /** Only between checkpoints is there nothing uncovered to lose. */
  get isWhole(): boolean {
    return this.#uncovered.length === 0;
  }

  toStored(): StoredFold {
    return {
      knowledge: snapshotOf(this.knowledge),
      edge: Buffer.from(formatEdge(this.#edge)).toString('base64'),
      sequence: this.#sequence,
    };
  }

  /**
   * Takes the next fact; gives the facts that are verified by it, oldest first: none until a checkpoint comes.
   * @throws RunnerError `LOG_MISMATCH` when anything does not hold
   */
  take(fact: ReadFact): readonly VerifiedFact[] {
    const { place } = fact;
    if (place.tenant !== this.#pins.tenant || place.log !== this.#pins.logKey.name)
      throw mismatch('a fact of another log');
    if (place.index !== this.readIndex + 1)
      throw mismatch(`fact ${place.index} came after ${this.readIndex}`);
    this.#uncovered.push(fact);
    this.#sequence = fact.sequence;
    if (place.checkpoint === undefined) return [];
    const covered = this.#uncovered;
    const edge = this.#prove(covered, place.checkpoint);
    const verified = covered.map((one) => this.#admit(one));
    this.#edge = edge;
    this.#uncovered = [];
    return verified;
  }

  /** Leaf by leaf to the root that the log has signed. */
  #prove(facts: readonly ReadFact[], note: string): Edge {
    let edge = this.#edge;
    for (const { bytes, place } of facts) {
      const leaf = leafHash(bytes);
      if (formatHex(leaf) !== place.leaf)
        throw mismatch(`fact ${place.index} is not what its leaf hash says`);
      edge = appendLeaf(edge, leaf);
    }
    try {
      // all facts of a commit have one log time, and no rotation takes effect in its own commit
      const vkey = logKeyAt(this.keys, facts.at(-1)?.place.timeMs ?? 0);
      const { origin, size, root } = verifyCheckpoint(note, {
        origin: this.#pins.logKey.name,
        vkeys: [vkey],
      });
      const isSame =
        origin === this.#pins.logKey.name && size === edge.size && Buffer.from(root).equals(rootOf(edge));
      if (!isSame) throw mismatch(`the checkpoint of size ${size} is not of the facts read`);
    } catch (cause) {
      if (cause instanceof RunnerError) throw cause;
      const isFirst = this.#edge.size === 0n && cause instanceof TlogError && cause.code === 'UNKNOWN_KEY';
      throw mismatch(
        `the checkpoint after fact ${facts.at(-1)?.place.index ?? -1} does not verify` +
          (isFirst
            ? ': pin the log key that the tenant was born with, even if another one signs by now'
            : ''),
        cause,
      );
    }
    return edge;
  }

  #checkBirth({ intent, payload }: Span): void {
    const isBirth = intent === 'registry.tenant.created' && birthChecker.check(payload);
    if (!isBirth || payload.root.pub !== this.#pins.rootKey)
      throw mismatch('it does not begin with the root key that is pinned');
    const logKey = parseVkey(payload.log_key);
    if (logKey.keyId !== this.#pins.logKey.keyId || payload.origin !== this.#pins.logKey.name)
      throw mismatch('it names another log key than the one pinned');
  }

  /** That the new key has agreed and its turn comes later, the rules have said; here, that it is a key. */
  #checkRotation({ payload }: Span): void {
    const isRotation = rotationChecker.check(payload);
    if (!isRotation || parseVkey(payload.log_key).name !== this.#pins.logKey.name)
      throw mismatch('it goes on to a key of another log');
  }

  #admit({ bytes, place }: ReadFact): VerifiedFact {
    const { index, timeMs, trace } = place;
    try {
      const span = parseSpan(bytes);
      verifyFact({ span, index, timeMs }, this.knowledge);
      if (index === 0) this.#checkBirth(span);
      if (span.intent === ROTATED) this.#checkRotation(span);
      fold(this.knowledge, { span, index, timeMs });
      return { span, index, timeMs, trace };
    } catch (cause) {
      throw mismatch(
        `fact ${index} is refused: ${cause instanceof Error ? cause.message : 'no reason'}`,
        cause,
      );
    }
  }
}

export type StoredFold = { readonly knowledge: JsonValue; readonly edge: string; readonly sequence: number };

function parseSpan(bytes: Uint8Array): Span {
  const value = parseStrict(bytes);
  if (!spanChecker.check(value)) throw mismatch('an entry that is no span');
  return value;
}

function mismatch(message: string, cause?: unknown): RunnerError {
  return new RunnerError('LOG_MISMATCH', `the log does not hold: ${message}`, { cause });
}
