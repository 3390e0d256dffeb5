import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { listen, type Listening } from '@logline/postgres';
import { Readiness, readSecretFile } from '@logline/service';
import { GatewayConfig } from '../config.ts';

type Listener = (tenant: string | null) => void;

/** The views are a moment behind the acks: so long may a reader wait for them. */
const VIEWS_LAG_MS = 1000;
/**
 * Readers that may wait at once. This is a courtesy, not a queue: further ones get what is there. Who has shown no good token yet
 * waits in few places of his own, so that nobody can take those of others or have the database asked for him over and over.
 */
const MOST_WAITING = { known: 256, stranger: 16 } as const;

/** Tells when the views of a tenant have moved (null: perhaps of any, after the connection was away). One LISTEN per process. */
@Injectable()
export class Moves implements OnModuleInit {
  private readonly listeners = new Set<Listener>();
  private listening: Listening | undefined;
  private readonly waiting = { known: 0, stranger: 0 };

  constructor(
    @Inject(GatewayConfig) private readonly config: GatewayConfig,
    readiness: Readiness,
  ) {
    readiness.add('views', () => this.listening?.isHealthy() === true || 'not listening for moves');
  }

  async onModuleInit(): Promise<void> {
    const tell = (tenant: string | null): void => {
      for (const listener of this.listeners) listener(tenant);
    };
    this.listening = await listen(
      readSecretFile(this.config.postgresUrlFile),
      'views_moved',
      (payload) => tell(payload.slice(0, payload.lastIndexOf(':'))),
      { onConnected: () => tell(null) },
    );
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** What `find` finds, now or whenever the tenant's views move within a moment; null when it does not. */
  async findSoon<T>(
    tenant: string,
    find: () => Promise<T | null>,
    who: keyof typeof MOST_WAITING = 'known',
  ): Promise<T | null> {
    const atOnce = await find();
    if (atOnce !== null || this.waiting[who] >= MOST_WAITING[who]) return atOnce;
    this.waiting[who] += 1;
    const state = { hasMoved: true, isLate: false, wake: (): void => undefined };
    const unsubscribe = this.subscribe((moved) => {
      if (moved !== null && moved !== tenant) return;
      state.hasMoved = true;
      state.wake();
    });
    const timer = setTimeout(() => {
      state.isLate = true;
      state.wake();
    }, VIEWS_LAG_MS);
    try {
      for (;;) {
        // a move that comes while it looks makes it look again
        if (!state.hasMoved && !state.isLate) await new Promise<void>((resolve) => (state.wake = resolve));
        state.hasMoved = false;
        const found = await find();
        if (found !== null || state.isLate) return found;
      }
    } finally {
      clearTimeout(timer);
      unsubscribe();
      this.waiting[who] -= 1;
    }
  }

  async close(): Promise<void> {
    await this.listening?.close();
  }
}
