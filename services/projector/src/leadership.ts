import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONSUMERS, STREAMS } from '@logline/contracts';
import { JetStreamStrategy, NATS, recreateConsumer, type NatsConnection } from '@logline/jetstream';
import { Lease, type Pool } from '@logline/postgres';
import { LOG } from '@logline/service';
import { ProjectService } from './project/project.service.ts';
import { POOL } from './storage/pool.ts';

const LEASE_TTL_MS = 5000;
const CONSUMER = CONSUMERS.projector;

/** One projector at a time writes the views. The winner recreates the consumer, so nothing unprojected is lost. */
@Injectable()
export class Leadership {
  private readonly lease: Lease;
  private isLeading = false;
  private isReleased = false;

  constructor(
    @Inject(POOL) pool: Pool,
    @Inject(NATS) private readonly nats: NatsConnection,
    private readonly strategy: JetStreamStrategy,
    private readonly project: ProjectService,
    @Inject(LOG) private readonly log: Logger,
  ) {
    this.lease = new Lease({
      pool,
      name: CONSUMER,
      holder: `${process.pid}`,
      ttlMs: LEASE_TTL_MS,
      onLost: () => void this.lose(),
    });
  }

  get leads(): boolean {
    return this.isLeading;
  }

  async lead(): Promise<void> {
    await this.lease.hold();
    if (this.isReleased) return;
    this.project.forget();
    await recreateConsumer(this.nats, STREAMS.facts, CONSUMER);
    this.strategy.resume(STREAMS.facts, CONSUMER);
    this.isLeading = true;
    this.log.info({ consumer: CONSUMER }, 'leading');
  }

  async release(): Promise<void> {
    this.isReleased = true;
    this.isLeading = false;
    await this.lease.release();
  }

  private async lose(): Promise<void> {
    this.isLeading = false;
    this.log.warn({ consumer: CONSUMER }, 'lease lost; standing by');
    await this.strategy.pause(STREAMS.facts, CONSUMER);
    if (!this.isReleased) await this.lead();
  }
}
