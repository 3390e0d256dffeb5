import { Controller } from '@nestjs/common';
import { CONSUMERS, FIRST_PARTITION, parseFactHeaders, STREAMS } from '@logline/contracts';
import { Consume, JetStreamContext } from '@logline/jetstream';
import { FollowService } from './follow.service.ts';

/** The only way in: facts, one at a time, in log order, while this process leads. */
@Controller()
export class FollowController {
  constructor(private readonly follow: FollowService) {}

  @Consume(STREAMS.facts, CONSUMERS.orchestrator(FIRST_PARTITION), { mode: 'ordered', paused: true })
  async onFact(bytes: Uint8Array, message: JetStreamContext): Promise<void> {
    await this.follow.follow(
      bytes,
      parseFactHeaders((name) => message.header(name)),
    );
  }
}
