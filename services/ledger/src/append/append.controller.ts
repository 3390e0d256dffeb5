import { CONSUMERS, FIRST_PARTITION, parseAcceptEnvelope, STREAMS } from '@logline/contracts';
import { Consume } from '@logline/jetstream/nest';
import { Controller } from '@nestjs/common';
import { AppendService } from './append.service.ts';

/** Handlers started at once; the broker holds the rest. As many as its `max_ack_pending`. */
const MOST_ENVELOPES = 1_024;

@Controller()
export class AppendController {
  readonly #append: AppendService;

  constructor(append: AppendService) {
    this.#append = append;
  }

  /** Judged requests of the partition, in stream order. Paused until this process leads. */
  @Consume(STREAMS.accept, CONSUMERS.ledger(FIRST_PARTITION), {
    mode: 'concurrent',
    limit: MOST_ENVELOPES,
    paused: true,
  })
  async accept(bytes: Uint8Array): Promise<void> {
    await this.#append.append(parseAcceptEnvelope(bytes));
  }
}
