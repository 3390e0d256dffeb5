import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { listen, type Listening } from '@logline/postgres';
import { Readiness, readSecretFile } from '@logline/service';
import { GatewayConfig } from '../config.ts';

type Listener = (tenant: string | null) => void;

/** The views are a moment behind the acks: so long may a reader wait for them. */
const VIEWS_LAG_MS = 1000;
/** Readers that may wait at once. This is a courtesy, not a queue: further ones get what is there. */
const MOST_WAITING = 256;

/** Tells when the views of a tenant have moved (null: perhaps of any, after the connection was away). One LISTEN per process. */
@Injectable()
export class Moves implements OnModuleInit {
  private readonly listeners = new Set<Listener>();
  private listening: Listening | undefined;
  private waiting = 0;

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
  async findSoon<T>(tenant: string, find: () => Promise<T | null>): Promise<T | null> {
    const atOnce = await find();
    if (atOnce !== null || this.waiting >= MOST_WAITING) return atOnce;
    this.waiting += 1;
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
      this.waiting -= 1;
    }
  }

  async close(): Promise<void> {
    await this.listening?.close();
  }
}
