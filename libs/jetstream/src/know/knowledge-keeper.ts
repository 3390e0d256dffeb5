import type { FactPlace } from '@logline/contracts';
import type { TenantKnowledge } from '@logline/tdln';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Following } from '../follow-facts.ts';
import type { Log } from '../log.ts';
import { sayMissing } from '../missing-facts.ts';
import { followKnowledge } from './follow-knowledge.ts';
import type { SnapshotStore } from './snapshot-store.ts';

export type KeeperParts = {
  readonly nc: NatsConnection;
  readonly known: TenantKnowledge;
  readonly store: SnapshotStore;
  readonly snapshotEveryMs: number;
  readonly onPlace: (place: FactPlace) => void;
  readonly log: Log;
};

/** Tenants that lack facts and that a probe names; the metric counts them all. */
const MOST_NAMED = 5;
/** Saving writes all that is known of a tenant: at most this share of the time goes there, however much that is. */
const MOST_OF_THE_TIME = 0.01;

/** Keeps what a service knows up to date with the facts, and a copy of it in its bucket. Owns the only writer of `known`. */
export class KnowledgeKeeper {
  readonly #parts: KeeperParts;
  /** Tenants with facts that are not saved yet. */
  readonly #unsaved = new Set<string>();
  #following: Following | undefined;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #nextSaveMs = 0;
  /** Of what is saved: whether a start may go on behind its position. */
  #isSavedWhole = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Resolves when everything stored by now is known. */
  async start(): Promise<void> {
    const { nc, known, store, snapshotEveryMs, onPlace, log } = this.#parts;
    const saved = await store.load((tenant, error) =>
      log.warn({ err: error, tenant }, 'a snapshot is left aside'),
    );
    for (const knowledge of saved.knowledge) known.start(knowledge);
    this.#following = await followKnowledge({
      nc,
      known,
      log,
      fromSequence: saved.sequence + 1,
      onPlace,
      onTaken: (tenant) => this.#unsaved.add(tenant),
    });
    await this.#following.caughtUp;
    log.info(
      { tenants: known.all.length, from: saved.sequence + 1, to: this.#following.sequence() },
      'the facts are known',
    );
    this.#timer = setInterval(() => {
      if (performance.now() >= this.#nextSaveMs) void this.save();
    }, snapshotEveryMs);
  }

  get sequence(): number {
    return this.#following?.sequence() ?? 0;
  }

  isHealthy(): boolean {
    return this.#following?.isHealthy() ?? false;
  }

  /** How many tenants are known and of which nothing can be judged, in words. */
  get standing(): string {
    const { all, broken, lacks } = this.#parts.known;
    const named = lacks.slice(0, MOST_NAMED).map(sayMissing).join(' | ');
    return `${all.length} known, ${broken.length} broken, ${lacks.length} lacking facts${named === '' ? '' : `: ${named}`}`;
  }

  /** Saves what changed since the last time. A failure is logged and mended by the next: facts are the truth. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#saveChanged());
    return this.#saving;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.save();
    await this.#following?.stop();
  }

  async #saveChanged(): Promise<void> {
    const { known, store, log } = this.#parts;
    const isWhole = known.lacks.length === 0;
    if (this.#unsaved.size === 0 && isWhole === this.#isSavedWhole) return;
    // read before any tenant is saved: each of them is then complete at least up to here. Where facts are missing, the next start looks for them again
    const sequence = isWhole ? this.sequence : 0;
    // one that lacks facts is not saved: what lies there, of another process, may have more
    const tenants = [...this.#unsaved].filter(
      (tenant) => !known.isBroken(tenant) && known.lackOf(tenant) === null,
    );
    this.#unsaved.clear();
    const startMs = performance.now();
    try {
      for (const tenant of tenants) await store.save(known.of(tenant));
      await store.savePosition(sequence);
      this.#isSavedWhole = isWhole;
      const endMs = performance.now();
      this.#nextSaveMs = endMs + (endMs - startMs) / MOST_OF_THE_TIME;
    } catch (error) {
      for (const tenant of tenants) this.#unsaved.add(tenant);
      log.warn({ err: error, tenants: tenants.length }, 'what is known could not be saved');
    }
  }
}
