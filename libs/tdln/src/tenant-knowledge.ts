import { checkerOf, Span } from '@logline/contracts';
import { TdlnError } from './errors.ts';
import { fold } from './fold.ts';
import { emptyKnowledge, type Knowledge } from './knowledge.ts';

const spanChecker = checkerOf(Span);

/** A fact as a reader of the bus gets it. */
export type StoredFact = {
  readonly bytes: Uint8Array;
  readonly place: { readonly tenant: string; readonly index: number; readonly timeMs: number };
};

/** Facts that exist and have not come: from behind the last one known up to the newest one heard of. */
export type Lack = { readonly tenant: string; readonly from: number; readonly to: number };

/**
 * What is known of every tenant, fed with facts in the order of each log. Whoever needs a log up to some index waits here for
 * it. Grows with the tenants that have facts, never with those somebody asks about.
 */
export class TenantKnowledge {
  readonly #known = new Map<string, Knowledge>();
  readonly #broken = new Set<string>();
  /** By tenant that lacks facts: the newest index that is known to exist. */
  readonly #lacking = new Map<string, number>();
  readonly #waiting = new Map<string, Set<{ readonly index: number; readonly resume: () => void }>>();

  /** Of a tenant without facts: the knowledge that nothing is known. */
  of(tenant: string): Knowledge {
    return this.#known.get(tenant) ?? emptyKnowledge(tenant);
  }

  get all(): readonly Knowledge[] {
    return [...this.#known.values()];
  }

  /** Tenants whose facts could not be folded. Nothing may be judged for them. */
  get broken(): readonly string[] {
    return [...this.#broken];
  }

  isBroken(tenant: string): boolean {
    return this.#broken.has(tenant);
  }

  /** What is missing of the tenant's log. Until that has come nothing may be judged for it: it would rest on what is over. Null when nothing is known to be. */
  lackOf(tenant: string): Lack | null {
    const to = this.#lacking.get(tenant);
    return to === undefined ? null : { tenant, from: this.of(tenant).index + 1, to };
  }

  get lacks(): readonly Lack[] {
    return [...this.#lacking.keys()].flatMap((tenant) => this.lackOf(tenant) ?? []);
  }

  /**
   * The log goes up to `index`, and what is between does not come. From here on facts beyond the next one are left aside; it ends by itself when
   * the log is known that far, and changes nothing when it is.
   */
  lack(tenant: string, index: number): void {
    if (this.of(tenant).index >= index || this.#broken.has(tenant)) return;
    this.#lacking.set(tenant, Math.max(index, this.#lacking.get(tenant) ?? 0));
  }

  /** Gives the tenant up until its log is read again from the beginning; the others go on. */
  giveUp(tenant: string): void {
    this.#broken.add(tenant);
    this.#known.delete(tenant);
    this.#lacking.delete(tenant);
  }

  /** Begins with what a snapshot holds; facts up to its index are then ignored. */
  start(knowledge: Knowledge): void {
    this.#known.set(knowledge.tenant, knowledge);
  }

  /**
   * Takes a fact in; one that is known already changes nothing, nor does one that is too early where facts are known to be missing.
   *
   * @throws TdlnError `GAP` when facts before it are missing and that is not known yet; `FACT_REFUSED` when its bytes are no span; as `fold` does
   */
  take({ bytes, place }: StoredFact): void {
    const { tenant, index, timeMs } = place;
    if (index === 0 && this.#broken.delete(tenant)) this.#known.delete(tenant);
    if (this.#broken.has(tenant)) return;
    const knowledge = this.#known.get(tenant) ?? emptyKnowledge(tenant);
    const newest = this.#lacking.get(tenant);
    if (newest !== undefined && index > knowledge.index + 1) return this.lack(tenant, index);
    fold(knowledge, { span: parseFact(bytes, index), index, timeMs });
    this.#known.set(tenant, knowledge);
    if (newest !== undefined && knowledge.index >= newest) this.#lacking.delete(tenant);
    this.#resume(tenant, knowledge.index);
  }

  /** True once the tenant's log is known up to the index; false when `signal` aborts first. Nothing is polled. */
  async reached(tenant: string, index: number, signal: AbortSignal): Promise<boolean> {
    if (this.of(tenant).index >= index) return true;
    if (signal.aborted) return false;
    const waiting = this.#waiting.get(tenant) ?? new Set();
    this.#waiting.set(tenant, waiting);
    return await new Promise((resolve) => {
      const leave = (isReached: boolean): void => {
        waiting.delete(one);
        if (waiting.size === 0) this.#waiting.delete(tenant);
        signal.removeEventListener('abort', onAbort);
        resolve(isReached);
      };
      const one = { index, resume: () => leave(true) };
      const onAbort = (): void => leave(false);
      waiting.add(one);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #resume(tenant: string, index: number): void {
    for (const one of this.#waiting.get(tenant) ?? []) if (one.index <= index) one.resume();
  }
}

/** Only the ledger writes facts, and only of spans: anything else is damage. */
function parseFact(bytes: Uint8Array, index: number): Span {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TdlnError('FACT_REFUSED', `fact ${index} is not JSON`, { cause });
  }
  if (!spanChecker.check(value)) throw new TdlnError('FACT_REFUSED', `fact ${index} is no span`);
  return value;
}
