import { Controller } from '@nestjs/common';
import { CONSUMERS, parseFactHeaders, STREAMS } from '@logline/contracts';
import { Consume, JetStreamContext } from '@logline/jetstream';
import { parseFact } from '../domain/fact.ts';
import { ProjectService } from './project.service.ts';

/** What one transaction takes at most; there is no timer, whatever is there is taken. */
const BATCH = 500;

@Controller()
export class ProjectController {
  constructor(private readonly project: ProjectService) {}

  @Consume(STREAMS.facts, CONSUMERS.projector, { mode: 'batch', limit: BATCH, paused: true })
  async onFacts(messages: readonly JetStreamContext[]): Promise<void> {
    await this.project.project(
      messages.map((message) =>
        parseFact(
          message.bytes,
          parseFactHeaders((name) => message.header(name)),
        ),
      ),
    );
  }
}
