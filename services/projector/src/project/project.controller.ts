import { Controller } from '@nestjs/common';
import { CONSUMERS, STREAMS } from '@logline/contracts';
import { WRITERS_PACE, type JetStreamContext, type Rejection } from '@logline/jetstream';
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

  /** Those it returns can never be projected as they are; they are parked, and the others are done. */
  @Consume(STREAMS.facts, CONSUMERS.projector, {
    mode: 'batch',
    limit: BATCH,
    pace: WRITERS_PACE,
    paused: true,
  })
  async onFacts(messages: readonly JetStreamContext[]): Promise<readonly Rejection[]> {
    const last = messages.at(-1);
    this.metrics.took(messages.length, last?.pending ?? 0);
    const { facts, garbage } = parseAll(messages);
    const refused = await this.service.project([...facts.keys()], last?.sequence ?? 0);
    const errors = new Map(refused.map(({ fact, error }) => [fact, error]));
    for (const [fact, message] of facts) {
      const error = errors.get(fact);
      if (error === undefined) this.metrics.moved(fact.place.tenant);
      else {
        this.metrics.refused(fact.place.tenant, error.message);
        garbage.push({ message, error });
      }
    }
    return garbage;
  }
}

function parseAll(messages: readonly JetStreamContext[]): {
  readonly facts: ReadonlyMap<Fact, JetStreamContext>;
  /** In stream order. */
  readonly garbage: Rejection[];
} {
  const facts = new Map<Fact, JetStreamContext>();
  const garbage: Rejection[] = [];
  for (const message of messages) {
    try {
      facts.set(parseFact(message.bytes, message.place), message);
    } catch (error) {
      garbage.push({ message, error });
    }
  }
  return { facts, garbage };
}
