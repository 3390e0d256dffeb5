import { Controller } from '@nestjs/common';
import { CONSUMERS, FACT_HEADERS, FIRST_PARTITION, STREAMS } from '@logline/contracts';
import { sayMissing, WRITERS_PACE, type JetStreamContext, type Rejection } from '@logline/jetstream';
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

  /**
   * Those it returns can never be followed as they are; they are parked, and the others are done. So are those that came too early: they come again
   * behind what is missing.
   */
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
        const { bytes, place } = message;
        return [{ message, bytes, place, intent: message.header(FACT_HEADERS.intent) }];
      } catch (error) {
        rejections.push({ message, error });
        return [];
      }
    });
    const { refused, gaps } = await this.follow.follow(facts, last?.sequence ?? 0);
    const early = new Set(gaps.flatMap((gap) => gap.early));
    for (const fact of facts) {
      const error = refused.get(fact);
      if (error !== undefined) {
        this.metrics.refused(fact.place, error.message);
        rejections.push({ message: fact.message, error });
      } else if (!early.has(fact)) this.metrics.done(fact.place);
    }
    for (const gap of gaps)
      this.metrics.lacking({ tenant: gap.tenant, index: gap.to }, gap.early.length, sayMissing(gap));
    return rejections;
  }
}
