import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { listen } from '@logline/postgres';
import { GatewayConfig } from '../config.ts';
import { readSecretFile } from '@logline/service';

type Listener = (tenant: string | null) => void;

/** Tells when the views of a tenant have moved (null: perhaps of any, after the connection was away). One LISTEN per process. */
@Injectable()
export class Moves implements OnModuleInit {
  private readonly listeners = new Set<Listener>();
  private connection: { close(): Promise<void> } | undefined;

  constructor(@Inject(GatewayConfig) private readonly config: GatewayConfig) {}

  async onModuleInit(): Promise<void> {
    const tell = (tenant: string | null): void => {
      for (const listener of this.listeners) listener(tenant);
    };
    this.connection = await listen(
      readSecretFile(this.config.postgresUrlFile),
      'views_moved',
      (payload) => tell(payload.slice(0, payload.lastIndexOf(':'))),
      { onReconnect: () => tell(null) },
    );
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves when the tenant's views move, or after `withinMs`. */
  async next(tenant: string, withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(finish, withinMs);
      const unsubscribe = this.subscribe((moved) => {
        if (moved === null || moved === tenant) finish();
      });
      function finish(): void {
        clearTimeout(timer);
        unsubscribe();
        resolve();
      }
    });
  }

  async close(): Promise<void> {
    await this.connection?.close();
  }
}
