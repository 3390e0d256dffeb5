import {
  type AddCheckpoint,
  decideAddCheckpoint,
  decodeNote,
  parseAddCheckpoint,
  TlogError,
  type Vkey,
  type WitnessVerdict,
} from '@logline/tlog';
import type { WitnessKey } from './witness-folder.ts';
import type { WitnessStore } from './witness-store.ts';

export type WitnessAnswer = WitnessVerdict | { readonly status: 503; readonly why: string };

/** How many requests of one log may wait for their turn. */
const MOST_WAITING = 64;

/** Cosigns for the logs it knows: one request of a log at a time, each decided on what is on disk, and answered once the new state is. */
export class Witness {
  readonly #key: WitnessKey;
  readonly #store: Pick<WitnessStore, 'load' | 'save'>;
  readonly #nowMs: () => number;
  #logs: ReadonlyMap<string, readonly Vkey[]>;
  /** By origin, of known logs only: the end of the queue, and how long it is. */
  readonly #turns = new Map<string, { last: Promise<unknown>; waiting: number }>();

  constructor(
    key: WitnessKey,
    store: Pick<WitnessStore, 'load' | 'save'>,
    logs: ReadonlyMap<string, readonly Vkey[]>,
    nowMs: () => number,
  ) {
    this.#key = key;
    this.#store = store;
    this.#logs = logs;
    this.#nowMs = nowMs;
  }

  /** From now on these logs. A log that is not among them any more keeps its state. */
  watch(logs: ReadonlyMap<string, readonly Vkey[]>): void {
    this.#logs = logs;
  }

  /** Resolves when the answer may be sent. @throws whatever the store throws: then nothing was promised, and nothing may be answered but 500 */
  async addCheckpoint(body: Uint8Array): Promise<{ origin?: string; answer: WitnessAnswer }> {
    let request: AddCheckpoint;
    try {
      request = parseAddCheckpoint(decodeNote(body));
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      return { answer: { status: 400, why: error.message } };
    }
    const { origin } = request;
    if (!this.#logs.has(origin)) return { answer: this.#decide(request, undefined, undefined) };
    return { origin, answer: await this.#inTurn(origin, () => this.#cosign(request)) };
  }

  async #cosign(request: AddCheckpoint): Promise<WitnessVerdict> {
    const { origin } = request;
    const latest = await this.#store.load(origin);
    const verdict = this.#decide(request, this.#logs.get(origin), latest?.checkpoint);
    if (verdict.status === 200) await this.#store.save(origin, verdict);
    return verdict;
  }

  #decide(
    request: AddCheckpoint,
    vkeys: readonly Vkey[] | undefined,
    latest: Parameters<typeof decideAddCheckpoint>[1]['latest'],
  ): WitnessVerdict {
    const seconds = BigInt(Math.floor(this.#nowMs() / 1000));
    return decideAddCheckpoint(request, { vkeys, latest, witness: this.#key, seconds });
  }

  async #inTurn(origin: string, run: () => Promise<WitnessVerdict>): Promise<WitnessAnswer> {
    const turns = this.#turns.get(origin) ?? { last: Promise.resolve(), waiting: 0 };
    if (turns.waiting >= MOST_WAITING)
      return { status: 503, why: `${MOST_WAITING} requests of this log wait already` };
    this.#turns.set(origin, turns);
    turns.waiting++;
    const mine = turns.last.then(run);
    turns.last = mine.catch(() => undefined); // a failure is its own request's
    try {
      return await mine;
    } finally {
      if (--turns.waiting === 0) this.#turns.delete(origin);
    }
  }
}
