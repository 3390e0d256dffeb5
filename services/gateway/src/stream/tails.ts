import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Pool } from '@logline/postgres';
import { LOG } from '@logline/service';
import { Moves } from '../auth/moves.ts';
import { POOL } from '../storage/pool.ts';
import { TenantTail } from './tail.ts';

/** One tail for each tenant that somebody watches. */
@Injectable()
export class Tails implements OnModuleInit {
  private readonly tails = new Map<string, Promise<TenantTail>>();

  constructor(
    @Inject(POOL) private readonly pool: Pool,
    private readonly moves: Moves,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  onModuleInit(): void {
    this.moves.subscribe((tenant) => void this.refresh(tenant));
  }

  async of(tenant: string): Promise<TenantTail> {
    let tail = this.tails.get(tenant);
    if (tail === undefined) {
      tail = TenantTail.open(this.pool, tenant);
      this.tails.set(tenant, tail);
      tail.catch(() => this.tails.delete(tenant));
    }
    return tail;
  }

  private async refresh(tenant: string | null): Promise<void> {
    for (const [name, opening] of this.tails) {
      if (tenant !== null && tenant !== name) continue;
      try {
        const tail = await opening;
        // nobody watches any more: let it go, the next watcher opens a new one
        if (tail.isWatched) await tail.refresh();
        else this.tails.delete(name);
      } catch (error) {
        this.log.warn({ err: error, tenant: name }, 'a tail could not be read; the next move tries again');
      }
    }
  }
}
