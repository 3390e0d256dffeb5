import type { AckReply } from '@logline/contracts';
import { toUnwitnessedAck } from '../domain/ack.ts';
import { LedgerError } from '../errors.ts';
import type { WitnessLane } from '../witness/witness-lane.ts';
import type { Answer } from './turn.ts';

type Ack = AckReply['acks'][number]['ack'];

/** So much before a request's deadline its client is told, while it still listens. */
const MARGIN_MS = 100;

/**
 * Holds back answers with receipts until a quorum of witnesses has cosigned a checkpoint that covers them (fail-closed). The append loop
 * goes on meanwhile: a later commit is cosigned with the earlier ones. How many answers are held is bounded by how many
 * envelopes the broker lets in unacknowledged, how long by their deadlines.
 */
export class ReceiptHold {
  readonly #witnesses: Pick<WitnessLane, 'covers' | 'untilCovered'>;
  readonly #originOf: (tenant: string) => string;
  readonly #clock: () => number;
  #held = 0;

  constructor(
    witnesses: Pick<WitnessLane, 'covers' | 'untilCovered'>,
    originOf: (tenant: string) => string,
    clock: () => number,
  ) {
    this.#witnesses = witnesses;
    this.#originOf = originOf;
    this.#clock = clock;
  }

  /** Requests whose answers are held back. */
  get held(): number {
    return this.#held;
  }

  /**
   * Undefined when it can be given out now. Else the answer to give, later: the same one, or without its receipts when the
   * deadline came first; the entries stay committed, and a retry gets the receipts once the quorum stands.
   * @throws LedgerError `NOT_LEADING` when the signal aborts: whoever leads next answers
   */
  hold(answer: Answer, signal: AbortSignal): Promise<Answer> | undefined {
    const size = sizeToCover(answer.acks);
    const { tenant, deadline_ms } = answer.request;
    if (size === 0 || this.#witnesses.covers({ tenant, origin: this.#originOf(tenant) }, size))
      return undefined;
    return this.#wait(answer, size, deadline_ms - MARGIN_MS - this.#clock(), signal);
  }

  async #wait(answer: Answer, size: number, patienceMs: number, signal: AbortSignal): Promise<Answer> {
    const { request } = answer;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), Math.max(0, patienceMs));
    this.#held++;
    try {
      await this.#witnesses.untilCovered(request.tenant, size, AbortSignal.any([signal, late.signal]));
    } finally {
      clearTimeout(timer);
      this.#held--;
    }
    const origin = this.#originOf(request.tenant);
    if (this.#witnesses.covers({ tenant: request.tenant, origin }, size)) return answer;
    if (signal.aborted)
      throw new LedgerError('NOT_LEADING', 'this process does not lead the partition any more');
    return { ...answer, acks: answer.acks.map((ack) => withoutReceipt(ack, answer)) };
  }
}

/** The smallest checkpoint that covers every receipt in the answer; 0 when there is none. */
function sizeToCover(acks: readonly (Ack | undefined)[]): number {
  let size = 0;
  for (const ack of acks)
    if (ack !== undefined && 'receipt' in ack && ack.receipt !== undefined)
      size = Math.max(size, ack.receipt.index + 1);
  return size;
}

function withoutReceipt(ack: Ack | undefined, { request }: Answer): Ack | undefined {
  if (ack === undefined || !('receipt' in ack) || ack.receipt === undefined) return ack;
  return toUnwitnessedAck({ this: ack.receipt.this, trace: request.trace, language: request.language });
}
