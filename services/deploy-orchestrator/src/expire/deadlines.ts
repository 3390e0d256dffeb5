import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOG } from '@logline/service';
import { decide, openDeadlines, type DeployState } from '../domain/deploy.ts';
import { Reactions } from '../react/reactions.ts';
import { DeployStore } from '../storage/deploy.store.ts';

/** setTimeout takes 31 bits; a longer wait wakes once in between. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;
const RETRY_MS = 5000;

/**
 * Wakes when a deadline in a fact has passed. A timer decides nothing: the decider looks at the state as it is then. Armed by the
 * leader from what is stored, so a crash loses none.
 */
@Injectable()
export class Deadlines {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private isArmed = false;

  constructor(
    private readonly store: DeployStore,
    private readonly reactions: Reactions,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  async armAll(): Promise<void> {
    this.isArmed = true;
    for (const { tenant, subject, state } of await this.store.allOpen()) this.arm(tenant, subject, state);
  }

  /** One timer a container: its earliest open deadline. */
  arm(tenant: string, subject: string, state: DeployState): void {
    if (!this.isArmed) return;
    clearTimeout(this.timers.get(subject));
    this.timers.delete(subject);
    const earliest = openDeadlines(state).toSorted((a, b) => a.deadlineMs - b.deadlineMs)[0];
    if (earliest !== undefined) this.wakeIn(tenant, subject, earliest.deadlineMs - Date.now());
  }

  stop(): void {
    this.isArmed = false;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  private wakeIn(tenant: string, subject: string, ms: number): void {
    const timer = setTimeout(
      () => void this.wake(tenant, subject),
      Math.min(Math.max(ms, 0), LONGEST_TIMEOUT_MS),
    );
    this.timers.set(subject, timer);
  }

  private async wake(tenant: string, subject: string): Promise<void> {
    try {
      const state = await this.store.stateOf(tenant, subject);
      for (const open of openDeadlines(state)) {
        for (const fact of decide({ type: 'expire', lease: open.lease, nowMs: Date.now() }, state)) {
          const cause = state.open.find(({ lease }) => lease === open.lease)?.deploy ?? '';
          const at = open.deadlineMs;
          const trace = cause
            .replaceAll(/[^0-9a-f]/g, '')
            .slice(-32)
            .padStart(32, '0');
          const ack = await this.reactions.submit(fact, {
            cause,
            causeMs: at,
            tsMs: at,
            tenant,
            subject,
            trace,
          });
          this.log.info({ subject, lease: open.lease, status: ack.status }, 'deadline passed');
        }
      }
      // the fact comes back and re-arms; until then, or when it was refused, look again a little later
      if (this.isArmed && openDeadlines(state).length > 0) this.wakeIn(tenant, subject, RETRY_MS);
    } catch (error) {
      this.log.warn({ subject, err: error }, 'a deadline could not be handled yet');
      if (this.isArmed) this.wakeIn(tenant, subject, RETRY_MS);
    }
  }
}
