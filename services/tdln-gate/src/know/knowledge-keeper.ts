import { followKnowledge } from '@logline/jetstream/knowledge';
import type { FactPlace } from '@logline/contracts';
import type { Following } from '@logline/jetstream';
import type { Log } from '@logline/service';
import type { TenantKnowledge } from '@logline/tdln';
import type { NatsConnection } from '@nats-io/nats-core';
import type { SnapshotStore } from './snapshot.store.ts';

export type KeeperParts = {
  readonly nc: NatsConnection;
  readonly known: TenantKnowledge;
  readonly store: SnapshotStore;
  readonly snapshotEveryMs: number;
  readonly onPlace: (place: FactPlace) => void;
  readonly log: Log;
};

/** Saving writes all that is known of a tenant: at most this share of the time goes there, however much that is. */
const MOST_OF_THE_TIME = 0.01;

/** Keeps the gate's knowledge up to date with the facts, and a copy of it in the bucket. Owns the only writer of `known`. */
export class KnowledgeKeeper {
  readonly #parts: KeeperParts;
  /** Tenants with facts that are not saved yet. */
  readonly #unsaved = new Set<string>();
  #following: Following | undefined;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #nextSaveMs = 0;

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
    if (this.#unsaved.size === 0) return;
    // read before any tenant is saved: each of them is then complete at least up to here
    const { sequence } = this;
    const tenants = [...this.#unsaved].filter((tenant) => !known.isBroken(tenant));
    this.#unsaved.clear();
    const startMs = performance.now();
    try {
      for (const tenant of tenants) await store.save(known.of(tenant));
      await store.savePosition(sequence);
      const endMs = performance.now();
      this.#nextSaveMs = endMs + (endMs - startMs) / MOST_OF_THE_TIME;
    } catch (error) {
      for (const tenant of tenants) this.#unsaved.add(tenant);
      log.warn({ err: error, tenants: tenants.length }, 'what is known could not be saved');
    }
  }
}
