import { utf8 } from '@logline/canon-sign';
import type { Ack, Receipt } from '@logline/contracts';
import { parseInstant } from '@logline/contracts';
import { JetStreamError } from '@logline/jetstream';
import type { Log } from '@logline/service';
import { TlogError, verifyReceiptInTime } from '@logline/tlog';
import type { Said } from '../domain/runner-state.ts';
import { RunnerError } from '../errors.ts';
import type { Memory } from '../journal/memory.ts';

/** Sends signed spans and waits for the log's answer; the same bytes again on silence. */
export type Submit = (request: {
  readonly trace: string;
  readonly bodies: readonly Uint8Array[];
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}) => Promise<readonly Ack[]>;

/** How long one try may take before the journal's order is looked at again. */
const TRY_MS = 60_000;
const MOST_AT_ONCE = 32;

/**
 * Sends what was said, in order, until the log has answered each: hours later if need be. A report leaves the journal only with its
 * receipt, so a crash sends the same bytes again and gets the same receipt.
 */
export class Reporter {
  readonly #memory: Memory;
  readonly #submit: Submit;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  #wake: () => void = () => undefined;
  #loop: Promise<void> | undefined;
  #isOffline = false;

  constructor(options: { readonly memory: Memory; readonly submit: Submit; readonly log: Log }) {
    this.#memory = options.memory;
    this.#submit = options.submit;
    this.#log = options.log;
  }

  start(onFatal: (error: unknown) => void): void {
    this.#memory.onChange(() => this.#wake());
    this.#loop = this.#run().catch((error: unknown) => {
      if (!this.#stopped.signal.aborted) onFatal(error);
    });
  }

  get isOffline(): boolean {
    return this.#isOffline;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const head = this.#memory.state.outbox.slice(0, MOST_AT_ONCE);
      const [first] = head;
      if (first === undefined) await this.#untilWoken();
      else await this.#send(first, head);
    }
  }

  async #untilWoken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#memory.state.outbox.length > 0 || this.#stopped.signal.aborted) resolve();
    });
  }

  async #send(first: Said, said: readonly Said[]): Promise<void> {
    // a trace is one request's: what belongs to another deploy goes next
    const together = said.slice(0, lengthOfSame(said, first.trace));
    const bodies = together.map(({ entry }) => utf8(entry));
    try {
      const acks = await this.#submit({
        trace: first.trace,
        bodies,
        deadlineMs: Date.now() + TRY_MS,
        signal: this.#stopped.signal,
      });
      this.#isOffline = false;
      for (const [position, ack] of acks.entries()) {
        const one = together[position];
        const body = bodies[position];
        if (one !== undefined && body !== undefined) await this.#answered(one, body, ack);
      }
    } catch (error) {
      if (!(error instanceof JetStreamError) || error.code === 'FORBIDDEN' || error.code === 'TOO_LARGE')
        throw error;
      if (!this.#isOffline)
        this.#log.warn({ err: error, waiting: said.length }, 'reports wait: the log does not answer');
      this.#isOffline = true;
    }
  }

  async #answered(said: Said, body: Uint8Array, ack: Ack): Promise<void> {
    const { this: span, lease, intent } = said;
    if (ack.status !== 'ok') {
      this.#log.error(
        { span, intent, lease, refused: ack.code, reason: ack.errors.join('; ') },
        'the log refuses a report',
      );
      return this.#memory.record(() => [{ t: 'answered', span, lease, receipt: null }]);
    }
    const receipt = await this.#checkReceipt(ack.receipt, body);
    if (receipt === null) return; // sent again, and answered with the same receipt
    this.#log.info({ span, intent, lease, index: receipt.index }, 'reported');
    await this.#memory.record(() => [{ t: 'answered', span, lease, receipt }]);
  }

  /**
   * Offline, by the key in force at the receipt's time. A rotation that the receipt rests on may be further on in the log than this runner has
   * read: then it waits for that. Null when it cannot any longer.
   *
   * @throws RunnerError `LOG_MISMATCH`
   */
  async #checkReceipt(
    receipt: Receipt,
    spanBytes: Uint8Array,
  ): Promise<{ readonly index: number; readonly timeMs: number } | null> {
    const untilMs = Date.now() + TRY_MS;
    for (;;) {
      const { log } = this.#memory.state;
      try {
        verifyReceiptInTime({ receipt, spanBytes }, log.keys);
        return { index: receipt.index, timeMs: parseInstant(receipt.ts) ?? 0 };
      } catch (cause) {
        const mayFollow = cause instanceof TlogError && cause.code === 'SIGNATURE_INVALID';
        if (!mayFollow || log.knowledge.index >= receipt.index)
          throw new RunnerError('LOG_MISMATCH', 'a receipt does not verify by the key of the log', { cause });
        if (this.#stopped.signal.aborted || Date.now() >= untilMs) return null;
      }
      await this.#untilMore(untilMs);
    }
  }

  /** Resolves when the journal has grown, at the latest at `untilMs`. */
  async #untilMore(untilMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, untilMs - Date.now()));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopped.signal.aborted) this.#wake();
    });
  }
}

function lengthOfSame(said: readonly Said[], trace: string): number {
  const other = said.findIndex((one) => one.trace !== trace);
  return other < 0 ? said.length : other;
}
