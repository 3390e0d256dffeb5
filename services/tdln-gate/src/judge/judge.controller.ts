import { CONSUMERS, parseSubmitEnvelope, STREAMS } from '@logline/contracts';
import type { JetStreamContext } from '@logline/jetstream';
import { Consume } from '@logline/jetstream/nest';
import { Controller } from '@nestjs/common';
import { JudgeService } from './judge.service.ts';

/** Handlers started at once; nearly all of them wait for the ledger's queue, or for knowledge that is on its way. */
const MOST_ENVELOPES = 256;

@Controller()
export class JudgeController {
  readonly #judge: JudgeService;

  constructor(judge: JudgeService) {
    this.#judge = judge;
  }

  /** What clients ask, and what the ledger sends back to be judged again. */
  @Consume(STREAMS.submit, CONSUMERS.gateSubmit, { mode: 'concurrent', limit: MOST_ENVELOPES })
  async submitted(bytes: Uint8Array, { subject, timestampMs }: JetStreamContext): Promise<void> {
    await this.#judge.judge(parseSubmitEnvelope(bytes), { subject, timestampMs });
  }

  /** What services and runners say happened. Its own stream: a flood of clients cannot starve it. */
  @Consume(STREAMS.report, CONSUMERS.gateReport, { mode: 'concurrent', limit: MOST_ENVELOPES })
  async reported(bytes: Uint8Array, { subject, timestampMs }: JetStreamContext): Promise<void> {
    await this.#judge.judge(parseSubmitEnvelope(bytes), { subject, timestampMs });
  }
}
