import { Inject, Injectable } from '@nestjs/common';
import { inTransaction, query, type Pool } from '@logline/postgres';
import type { Fact } from '../domain/fact.ts';
import { growLog, type LogView } from '../domain/log-view.ts';
import { evolveSubject, type SubjectView } from '../domain/subject.ts';
import { loadLog } from '../storage/load-log.ts';
import { loadSubjects } from '../storage/load-subjects.ts';
import { POOL } from '../storage/pool.ts';
import { saveGrowth } from '../storage/save-growth.ts';
import { saveSubjects } from '../storage/save-subjects.ts';

/** Logs whose right edge is kept in memory; the rest are read again when they move. */
const LOGS_KEPT = 10_000;
/** Told after each commit, as `<tenant>:<last index>`; the gateway's streams wake on it. */
export const MOVED_CHANNEL = 'views_moved';

/** Facts in, views out: one transaction a batch, with how far each log was read moving in that same transaction. */
@Injectable()
export class ProjectService {
  /** As last committed. Owned by this service; dropped whenever a commit's outcome is in doubt. */
  private readonly logs = new Map<string, LogView>();

  constructor(@Inject(POOL) private readonly pool: Pool) {}

  async project(facts: readonly Fact[]): Promise<void> {
    try {
      const moves = await Promise.all([...byTenant(facts)].map(([tenant, own]) => this.plan(tenant, own)));
      const grown = moves.filter((move) => move.facts.length > 0);
      if (grown.length === 0) return;
      await inTransaction(this.pool, async (client) => {
        for (const { growth, facts: own, subjects } of grown) {
          await saveGrowth(client, growth, own);
          await saveSubjects(client, growth.log.tenant, subjects);
          const last = Number(growth.log.edge.size) - 1;
          await query(client, 'select pg_notify($1, $2)', [MOVED_CHANNEL, `${growth.log.tenant}:${last}`]);
        }
      });
      for (const { growth } of grown) this.remember(growth.log);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** Drops what is in memory; the database is read again. */
  forget(): void {
    this.logs.clear();
  }

  private async plan(tenant: string, facts: readonly Fact[]) {
    const log = this.logs.get(tenant) ?? (await loadLog(this.pool, tenant));
    const fresh = facts.filter(({ place }) => place.index >= Number(log.edge.size));
    const growth = growLog(log, fresh);
    const touched = [...new Set(fresh.map(({ span }) => span.subject))];
    const subjects = await loadSubjects(this.pool, tenant, touched);
    for (const fact of fresh) {
      const before = subjects.get(fact.span.subject);
      if (before !== undefined) subjects.set(fact.span.subject, evolveSubject(before, fact));
    }
    return { growth, facts: fresh, subjects: [...subjects.values()] as readonly SubjectView[] };
  }

  private remember(log: LogView): void {
    this.logs.delete(log.tenant);
    this.logs.set(log.tenant, log);
    const oldest = this.logs.keys().next();
    if (this.logs.size > LOGS_KEPT && oldest.done !== true) this.logs.delete(oldest.value);
  }
}

function byTenant(facts: readonly Fact[]): Map<string, Fact[]> {
  return Map.groupBy(facts, ({ place }) => place.tenant);
}
