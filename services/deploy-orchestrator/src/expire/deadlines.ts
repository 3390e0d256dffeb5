import { Inject, Injectable } from '@nestjs/common';
import { LOG, type Log } from '@logline/service';
import { decide, openDeadlines, type DeployState } from '../domain/deploy.ts';
import { Reactions } from '../react/reactions.ts';
import { DeployStore } from '../storage/deploy.store.ts';

/** setTimeout takes 31 bits; a longer wait wakes once in between. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;
/** How long until a deadline that could not be settled, or whose fact has not come back, is looked at again: doubled each time. */
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 300_000;

type Armed = { readonly timer: NodeJS.Timeout; readonly attempt: number };

/**
 * Wakes when a deadline in a fact has passed. A timer decides nothing: the decider looks at the state as it is then. Armed by the
 * leader from what is stored, so a crash loses none.
 */
@Injectable()
export class Deadlines {
  private readonly armed = new Map<string, Armed>();
  private isLeading = false;

  constructor(
    private readonly store: DeployStore,
    private readonly reactions: Reactions,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** Containers whose next deadline is waited for. */
  get waiting(): number {
    return this.armed.size;
  }

  async armAll(): Promise<void> {
    this.isLeading = true;
    for (const { tenant, subject, state } of await this.store.allOpen()) this.arm(tenant, subject, state);
  }

  /** One timer a container: its earliest open deadline. */
  arm(tenant: string, subject: string, state: DeployState): void {
    if (!this.isLeading) return;
    this.disarm(subject);
    const earliest = Math.min(...openDeadlines(state).map(({ deadlineMs }) => deadlineMs));
    if (Number.isFinite(earliest)) this.wakeIn(tenant, subject, earliest - Date.now(), 0);
  }

  stop(): void {
    this.isLeading = false;
    for (const { timer } of this.armed.values()) clearTimeout(timer);
    this.armed.clear();
  }

  private disarm(subject: string): void {
    clearTimeout(this.armed.get(subject)?.timer);
    this.armed.delete(subject);
  }

  private wakeIn(tenant: string, subject: string, ms: number, attempt: number): void {
    const wait = Math.min(Math.max(ms, 0), LONGEST_TIMEOUT_MS);
    const timer = setTimeout(() => void this.wake(tenant, subject, attempt), wait);
    this.armed.set(subject, { timer, attempt });
  }

  private async wake(tenant: string, subject: string, attempt: number): Promise<void> {
    const woken = this.armed.get(subject);
    try {
      const state = await this.store.stateOf(tenant, subject);
      for (const { lease } of openDeadlines(state)) await this.expire(tenant, subject, lease, state);
    } catch (error) {
      this.log.warn({ subject, err: error }, 'a deadline could not be handled yet');
    }
    // the fact comes back and arms again; until then, or when it was refused, look again a little later
    if (!this.isLeading || this.armed.get(subject) !== woken) return;
    this.wakeIn(tenant, subject, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt), attempt + 1);
  }

  private async expire(tenant: string, subject: string, lease: number, state: DeployState): Promise<void> {
    const open = state.open.find((one) => one.lease === lease);
    if (open === undefined) return;
    for (const fact of decide({ type: 'expire', lease, nowMs: Date.now() }, state)) {
      const ack = await this.reactions.submit(fact, {
        cause: open.deploy,
        causeMs: open.deadlineMs,
        tsMs: open.deadlineMs,
        tenant,
        subject,
        trace: traceOf(open.deploy),
      });
      this.log.info({ subject, lease, status: ack.status }, 'a deadline has passed');
    }
  }
}

/** The 32 hex digits of the deploy's own id. */
function traceOf(spanId: string): string {
  return spanId.slice(spanId.lastIndexOf(':') + 1).replaceAll('-', '');
}
