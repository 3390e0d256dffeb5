import { Controller } from '@nestjs/common';
import { CONSUMERS, FIRST_PARTITION, STREAMS, type FactPlace } from '@logline/contracts';
import { WRITERS_PACE, type JetStreamContext, type Rejection } from '@logline/jetstream';
import { Consume } from '@logline/jetstream/nest';
import { FactReaderMetrics } from '@logline/service';
import { FollowService } from './follow.service.ts';

/** Facts taken at once; the tenants among them are served side by side. */
const BATCH = 256;

/** The only way in: facts, in log order, while this process leads. */
@Controller()
export class FollowController {
  constructor(
    private readonly follow: FollowService,
    private readonly metrics: FactReaderMetrics,
  ) {}

  /** Those it returns can never be followed as they are; they are parked, and the others are done. */
  @Consume(STREAMS.facts, CONSUMERS.orchestrator(FIRST_PARTITION), {
    mode: 'batch',
    limit: BATCH,
    pace: WRITERS_PACE,
    paused: true,
  })
  async onFacts(messages: readonly JetStreamContext[]): Promise<readonly Rejection[]> {
    const last = messages.at(-1);
    this.metrics.took(messages.length, last?.pending ?? 0);
    const rejections: Rejection[] = [];
    const facts = messages.flatMap((message) => {
      try {
        return [{ message, bytes: message.bytes, place: message.place }];
      } catch (error) {
        rejections.push({ message, error });
        return [];
      }
    });
    const refused = await this.follow.follow(facts, last?.sequence ?? 0);
    for (const fact of facts) this.count(fact.place, refused.get(fact));
    for (const [{ message }, error] of refused) rejections.push({ message, error });
    return rejections;
  }

  private count({ tenant }: FactPlace, error: Error | undefined): void {
    if (error === undefined) this.metrics.moved(tenant);
    else this.metrics.refused(tenant, error.message);
  }
}
