import {
  followRotations,
  formatSuccession,
  parseRotations,
  TlogError,
  unknownKeyIds,
  type LoggedRotation,
  type LogKeys,
  type Succession,
} from '@logline/tlog';
import { RotationInvalidError } from './errors.ts';
import { pause } from './pause.ts';

export type LogKeyFollowerOptions = {
  /** What is trusted: the pinned key, and what was proven from it before. */
  readonly succession: Succession;
  /** What `GET /v1/log/<tenant>/rotations` answers, wherever it comes from; null where nobody says. Not believed. */
  readonly fetchRotations: () => Promise<Uint8Array | null>;
  /** Called when a further rotation was proven, before anything is verified by its key. */
  readonly onFollowed?: ((succession: Succession) => void | Promise<void>) | undefined;
  /** How long the views of readers may be behind the ledger: it is asked once more after that. 1,000 when left out. */
  readonly lagMs?: number;
  /** Milliseconds UTC; the clock when left out. */
  readonly nowMs?: () => number;
};

const LAG_MS = 1000;
/** The ledger signs with the next key before a rotation names it: what nothing depends on is asked about again, and not with every receipt. */
const ASK_AGAIN_MS = 60_000;

/**
 * Goes from the pinned key of a log to the one that signs now, by rotations proven in the log and by nothing else (decision 0014). Asks for
 * them when it meets a key it does not know. Safe to use from many calls at once.
 */
export class LogKeyFollower {
  private readonly options: LogKeyFollowerOptions;
  private current: Succession;
  private following: Promise<boolean> | undefined;
  /** When key ids were asked about while all held without them; and those that no rotation led to. */
  private readonly askedMs = new Map<string, number>();
  private readonly refused = new Set<string>();

  constructor(options: LogKeyFollowerOptions) {
    this.options = options;
    this.current = options.succession;
  }

  get succession(): Succession {
    return this.current;
  }

  get keys(): LogKeys {
    return this.current.keys;
  }

  /**
   * What `check` gives with the keys that are known, once none of those the log has signed `note` with is unasked for. A note that also has
   * the signature of a key not known yet is a reason to ask, and none to fail.
   *
   * @throws TlogError what `check` throws; `UNKNOWN_KEY` naming the key, where no proven rotation leads to it
   * @throws RotationInvalidError when a rotation is shown that does not hold; whatever `fetchRotations` throws, if the answer depends on it
   */
  async verify<T>(note: string, check: (keys: LogKeys) => T): Promise<T> {
    const held = attempt(() => check(this.keys));
    const unknown = attempt(() => unknownKeyIds(note, this.keys));
    if (unknown instanceof TlogError || unknown.length === 0) return valueOf(held);
    if (held instanceof TlogError) return await this.verifyLater(held, unknown, check);
    const nowMs = (this.options.nowMs ?? Date.now)();
    if (unknown.every((id) => nowMs - (this.askedMs.get(id) ?? -Infinity) < ASK_AGAIN_MS)) return held;
    for (const id of unknown) this.askedMs.set(id, nowMs);
    const hasMore = await this.follow().catch((error: unknown) => {
      if (error instanceof RotationInvalidError) throw error;
      return false; // it holds without; the next note is the next reason to ask
    });
    return hasMore ? check(this.keys) : held;
  }

  /** Whether there were further rotations. @throws RotationInvalidError, and whatever `fetchRotations` throws */
  follow(): Promise<boolean> {
    return (this.following ??= this.ask().finally(() => (this.following = undefined)));
  }

  private async verifyLater<T>(
    why: TlogError,
    unknown: readonly string[],
    check: (keys: LogKeys) => T,
  ): Promise<T> {
    let hasMore = await this.follow();
    if (!hasMore && unknown.some((id) => !this.refused.has(id))) {
      await pause(this.options.lagMs ?? LAG_MS, undefined);
      hasMore = await this.follow();
    }
    const held = hasMore ? attempt(() => check(this.keys)) : why;
    const left = unknown.filter((id) => !this.keys.some(({ vkey }) => vkey.keyId === id));
    if (!(held instanceof TlogError) || left.length === 0) return valueOf(held);
    for (const id of left) this.refused.add(id);
    const [{ vkey }] = this.keys;
    throw new TlogError(
      'UNKNOWN_KEY',
      `it is signed by the key ${left.join(', ')} of ${vkey.name}, and no rotation leads there from the pinned one, ${vkey.keyId}: ` +
        `if it is from before the pinned key, verify it by the key of then, ${vkey.name}+${left[0] ?? ''}+…; if not, do not rely on it`,
      { cause: held },
    );
  }

  private async ask(): Promise<boolean> {
    const bytes = await this.options.fetchRotations();
    if (bytes === null) return false;
    const next = this.readRotations(bytes);
    if (next.keys.length === this.keys.length) return false;
    await this.options.onFollowed?.(next);
    this.current = next;
    return true;
  }

  private readRotations(bytes: Uint8Array): Succession {
    try {
      return followRotations(this.current, parseRotations(JSON.parse(new TextDecoder().decode(bytes))));
    } catch (cause) {
      if (!(cause instanceof TlogError) && !(cause instanceof SyntaxError)) throw cause;
      throw new RotationInvalidError(
        `${this.keys[0].vkey.name} shows a rotation of its key that does not hold: ${cause.message}`,
        { code: 'ROTATION_INVALID', cause },
      );
    }
  }
}

/** The proven rotations of a succession as JSON, oldest first. */
export function rotationsOf(succession: Succession): readonly LoggedRotation[] {
  return formatSuccession(succession).rotations;
}

function attempt<T>(run: () => T): T | TlogError {
  try {
    return run();
  } catch (error) {
    if (error instanceof TlogError) return error;
    throw error;
  }
}

function valueOf<T>(held: T | TlogError): T {
  if (held instanceof TlogError) throw held;
  return held;
}
