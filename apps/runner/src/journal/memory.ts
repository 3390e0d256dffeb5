import { RunnerState } from '../domain/runner-state.ts';
import { LogFold, type Pins } from '../follow/log-fold.ts';
import { Journal } from './journal.ts';
import { applyRecord, type JournalRecord } from './record.ts';

/** A journal past this size is replaced by a snapshot: replay stays short, the file bounded. */
const COMPACT_AT_BYTES = 4 * 1024 * 1024;

/**
 * What the runner knows, and its journal. A record is durable before it counts: whoever reads `state` after `record` has resolved
 * reads nothing that a crash could take back. Records take effect in the order of the calls.
 */
export class Memory {
  readonly #journal: Journal;
  readonly #pins: Pins;
  readonly #compactAtBytes: number;
  readonly #listeners: ((touched: ReadonlySet<number>) => void)[] = [];
  #state: RunnerState;
  #last: Promise<unknown> = Promise.resolve();
  #failure: unknown;
  /** Of the latest snapshot: a large one must not be written again for every record. */
  #snapshotBytes = 0;

  private constructor(journal: Journal, state: RunnerState, pins: Pins, compactAtBytes: number) {
    this.#journal = journal;
    this.#state = state;
    this.#pins = pins;
    this.#compactAtBytes = compactAtBytes;
  }

  /** @throws RunnerError of the journal, and `LOG_MISMATCH` when what it says of the log does not hold */
  static async open(options: {
    readonly directory: string;
    readonly runner: string;
    readonly pins: Pins;
    readonly compactAtBytes?: number;
  }): Promise<Memory> {
    const { directory, runner, pins, compactAtBytes = COMPACT_AT_BYTES } = options;
    const { journal, records } = await Journal.open(directory);
    try {
      let state = new RunnerState(runner, new LogFold(pins));
      for (const record of records) state = applyRecord(state, record, pins, new Set());
      return new Memory(journal, state, pins, compactAtBytes);
    } catch (cause) {
      await journal.close();
      throw cause;
    }
  }

  get state(): RunnerState {
    return this.#state;
  }

  /** Called after every record with the leases it concerned. */
  onChange(listener: (touched: ReadonlySet<number>) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Makes records durable, then lets them count.
   * @param make - sees the state just before; nothing comes between. No records: nothing happens
   * @throws RunnerError `JOURNAL_FAILED`, `LOG_MISMATCH`; both are the end
   */
  record(make: (state: RunnerState) => readonly JournalRecord[]): Promise<void> {
    const done = this.#last.then(() => this.#record(make));
    this.#last = done.catch((cause: unknown) => {
      this.#failure ??= cause;
    });
    return done;
  }

  async #record(make: (state: RunnerState) => readonly JournalRecord[]): Promise<void> {
    // what failed half-way is not built upon
    if (this.#failure !== undefined) throw this.#failure;
    const touched = new Set<number>();
    for (const record of make(this.#state)) {
      await this.#journal.append(record);
      this.#state = applyRecord(this.#state, record, this.#pins, touched);
    }
    const isLarge = this.#journal.sizeBytes > Math.max(this.#compactAtBytes, 2 * this.#snapshotBytes);
    if (isLarge && this.#state.log.isWhole) await this.#compact();
    for (const listener of this.#listeners) listener(touched);
  }

  async #compact(): Promise<void> {
    const { log } = this.#state;
    await this.#journal.replace({ t: 'snapshot', fold: log.toStored(), state: this.#state.toStored() });
    this.#snapshotBytes = this.#journal.sizeBytes;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#journal.close();
  }
}
