import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Pool } from '@logline/postgres';
import { LOG, type Log } from '@logline/service';
import { Moves } from '../auth/moves.ts';
import { POOL } from '../storage/pool.ts';
import { TenantTail } from './tail.ts';

const RETRY_MS = 1000;

/** A tail while somebody watches it. */
export type WatchedTail = { readonly tail: TenantTail; readonly release: () => void };

/** One tail for each tenant that somebody watches, kept as long as that. */
@Injectable()
export class Tails implements OnModuleInit {
  private readonly watched = new Map<string, { readonly tail: TenantTail; watchers: number }>();

  constructor(
    @Inject(POOL) private readonly pool: Pool,
    private readonly moves: Moves,
    @Inject(LOG) private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.moves.subscribe((tenant) => {
      for (const name of tenant === null ? this.watched.keys() : [tenant]) void this.refresh(name);
    });
  }

  /** The tenant's tail, read up to now. Release it. @throws PostgresError */
  async watch(tenant: string): Promise<WatchedTail> {
    const entry = this.watched.get(tenant) ?? { tail: new TenantTail(this.pool, tenant), watchers: 0 };
    // counted before anything is awaited, so that nobody lets it go meanwhile
    this.watched.set(tenant, entry);
    entry.watchers += 1;
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      entry.watchers -= 1;
      if (entry.watchers === 0) this.watched.delete(tenant);
    };
    try {
      await entry.tail.refresh();
    } catch (error) {
      release();
      throw error;
    }
    return { tail: entry.tail, release };
  }

  private async refresh(tenant: string): Promise<void> {
    try {
      await this.watched.get(tenant)?.tail.refresh();
    } catch (error) {
      this.log.warn({ err: error, tenant }, 'a tail could not be read; it is tried again');
      setTimeout(() => void this.refresh(tenant), RETRY_MS).unref();
    }
  }
}
