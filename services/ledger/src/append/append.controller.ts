import { CONSUMERS, parseAcceptEnvelope, STREAMS } from '@logline/contracts';
import { Consume } from '@logline/jetstream/nest';
import { Controller, Inject, type Type } from '@nestjs/common';
import { PARTITIONS, type Partitions } from '../lead/partitions.ts';

/** Handlers started at once; the broker holds the rest. As many as its `max_ack_pending`. */
const MOST_ENVELOPES = 1_024;

/** The door of one partition: judged requests, in stream order. Paused until this process leads it. */
export function appendController(partition: number): Type<unknown> {
  @Controller()
  class AppendController {
    readonly #partitions: Partitions;

    constructor(@Inject(PARTITIONS) partitions: Partitions) {
      this.#partitions = partitions;
    }

    @Consume(STREAMS.accept, CONSUMERS.ledger(partition), {
      mode: 'concurrent',
      limit: MOST_ENVELOPES,
      paused: true,
    })
    async accept(bytes: Uint8Array): Promise<void> {
      await this.#partitions.of(partition).append.append(parseAcceptEnvelope(bytes));
    }
  }
  return AppendController;
}
