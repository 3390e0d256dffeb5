import { Controller } from '@nestjs/common';
import { CONSUMERS, STREAMS } from '@logline/contracts';
import { sayMissing, WRITERS_PACE, type JetStreamContext, type Rejection } from '@logline/jetstream';
import { Consume } from '@logline/jetstream/nest';
import { FactReaderMetrics } from '@logline/service';
import { parseFact, type Fact } from '../domain/fact.ts';
import { ProjectService } from './project.service.ts';

/** What one transaction takes at most; there is no timer, whatever is there is taken. */
const BATCH = 500;

/** The only way in: facts, in stream order, while this process leads. */
@Controller()
export class ProjectController {
  constructor(
    private readonly service: ProjectService,
    private readonly metrics: FactReaderMetrics,
  ) {}

  /**
   * Those it returns can never be projected as they are; they are parked, and the others are done. So are those that came too early: parked they would be no
   * use to anybody, and they come again behind what is missing.
   */
  @Consume(STREAMS.facts, CONSUMERS.projector, {
    mode: 'batch',
    limit: BATCH,
    pace: WRITERS_PACE,
    paused: true,
  })
  async onFacts(messages: readonly JetStreamContext[]): Promise<readonly Rejection[]> {
    const last = messages.at(-1);
    this.metrics.took(messages.length, last?.pending ?? 0);
    const { facts, sources, garbage } = parseAll(messages);
    const { refused, gaps } = await this.service.project(facts, last?.sequence ?? 0);
    const errors = new Map(refused.map(({ fact, error }) => [fact, error]));
    const early = new Set(gaps.flatMap((gap) => gap.early));
    for (const [at, fact] of facts.entries()) {
      const error = errors.get(fact);
      const message = sources[at];
      if (error !== undefined && message !== undefined) {
        this.metrics.refused(fact.place, error.message);
        garbage.push({ message, error });
      } else if (!early.has(fact)) this.metrics.done(fact.place);
    }
    for (const gap of gaps)
      this.metrics.lacking({ tenant: gap.tenant, index: gap.to }, gap.early.length, sayMissing(gap));
    return garbage;
  }
}

function parseAll(messages: readonly JetStreamContext[]): {
  readonly facts: readonly Fact[];
  /** The message of each fact. */
  readonly sources: readonly JetStreamContext[];
  /** In stream order. */
  readonly garbage: Rejection[];
} {
  const facts: Fact[] = [];
  const sources: JetStreamContext[] = [];
  const garbage: Rejection[] = [];
  for (const message of messages) {
    try {
      facts.push(parseFact(message.bytes, message.place));
      sources.push(message);
    } catch (error) {
      garbage.push({ message, error });
    }
  }
  return { facts, sources, garbage };
}
