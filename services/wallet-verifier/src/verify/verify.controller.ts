import { CONSUMERS, parseAcceptEnvelope, STREAMS } from '@logline/contracts';
import { Consume } from '@logline/jetstream/nest';
import { Controller } from '@nestjs/common';
import { VerifyService } from './verify.service.ts';

/** Handlers started at once; nearly all of them wait for the ledger's queue. */
const MOST_ENVELOPES = 256;

@Controller()
export class VerifyController {
  readonly #verify: VerifyService;

  constructor(verify: VerifyService) {
    this.#verify = verify;
  }

  /** Requests with a wallet span in them, as the gate has judged them. */
  @Consume(STREAMS.verify, CONSUMERS.verifier, { mode: 'concurrent', limit: MOST_ENVELOPES })
  async judged(bytes: Uint8Array): Promise<void> {
    await this.#verify.verify(parseAcceptEnvelope(bytes));
  }
}
