import { Inject, Injectable } from '@nestjs/common';
import { STREAMS } from '@logline/contracts';
import { inOneFlight, inTransaction, PostgresError, type Pool } from '@logline/postgres';
import { foldSubjects, growLogs, type BatchEffect, type Grown } from '../domain/batch.ts';
import type { Fact } from '../domain/fact.ts';
import type { LogGrowth, LogView } from '../domain/log-view.ts';
import type { SubjectView } from '../domain/subject.ts';
import { ProjectorError } from '../errors.ts';
import { advanceLogs } from '../storage/advance-logs.ts';
import { insertCheckpoints } from '../storage/insert-checkpoints.ts';
import { insertSpans } from '../storage/insert-spans.ts';
import { insertTiles } from '../storage/insert-tiles.ts';
import { loadLog } from '../storage/load-log.ts';
import { loadSubjects } from '../storage/load-subjects.ts';
import { notifyMoved } from '../storage/notify-moved.ts';
import { POOL } from '../storage/pool.ts';
import { saveKeys } from '../storage/save-keys.ts';
import { savePublications } from '../storage/save-publications.ts';
import { saveSubjects } from '../storage/save-subjects.ts';
import { saveTokens } from '../storage/save-tokens.ts';
import { saveCursor } from '../storage/stream-cursor.ts';
import { Recent } from './recent.ts';

/** Kept in memory between batches; the rest is read again when it moves. */
const LOGS_KEPT = 10_000;
const SUBJECTS_KEPT = 20_000;

/** Facts in, views out: one transaction a batch, with how far each log was read moving in that same transaction. */
@Injectable()
export class ProjectService {
  /** As last committed. Owned by this service; dropped whenever a commit's outcome is in doubt. */
  private readonly logs = new Recent<LogView>(LOGS_KEPT);
  private readonly subjects = new Recent<SubjectView>(SUBJECTS_KEPT);

  constructor(@Inject(POOL) private readonly pool: Pool) {}

  /**
   * Brings the views to where the facts are; facts they hold already change nothing. `sequence` is the last one of the batch in the stream.
   * @returns the facts that never will be in them as they are, each with the reason, and those that came before others that are missing
   */
  async project(facts: readonly Fact[], sequence: number): Promise<Omit<Grown, 'growths'>> {
    try {
      const { growths, refused, gaps } = growLogs(facts, await this.logsOf(facts));
      if (growths.length === 0) return { refused, gaps };
      const effect = { growths, ...foldSubjects(growths, await this.subjectsOf(growths)) };
      await this.save(effect, sequence);
      this.remember(effect);
      return { refused, gaps };
    } catch (error) {
      this.forget();
      // whether it was committed or not, the database says it at the next try
      if (error instanceof PostgresError && error.code === 'COMMIT_UNKNOWN') {
        throw new ProjectorError('MOVED', 'a commit whose outcome is unknown', { cause: error });
      }
      throw error;
    }
  }

  /** Drops what is in memory; the database is read again. */
  forget(): void {
    this.logs.clear();
    this.subjects.clear();
  }

  private async logsOf(facts: readonly Fact[]): Promise<ReadonlyMap<string, LogView>> {
    const tenants = [...new Set(facts.map(({ place }) => place.tenant))];
    const logs = tenants.map(async (tenant) => {
      const log = this.logs.get(tenant) ?? (await loadLog(this.pool, tenant));
      return [tenant, log] as const;
    });
    return new Map(await Promise.all(logs));
  }

  private async subjectsOf(growths: readonly LogGrowth[]): Promise<ReadonlyMap<string, SubjectView>> {
    const known = new Map<string, SubjectView>();
    const missing = new Map<string, string>();
    for (const { log, facts } of growths) {
      for (const { subject } of facts.map(({ span }) => span)) {
        const view = this.subjects.get(subject);
        if (view === undefined) missing.set(subject, log.tenant);
        else known.set(subject, view);
      }
    }
    const wanted = [...missing].map(([subject, tenant]) => ({ tenant, subject }));
    return new Map([...known, ...(await loadSubjects(this.pool, wanted))]);
  }

  private async save({ growths, subjects, registry }: BatchEffect, sequence: number): Promise<void> {
    await inTransaction(this.pool, (client) =>
      inOneFlight(client, () => [
        advanceLogs(client, growths),
        insertSpans(client, growths),
        insertCheckpoints(client, growths),
        insertTiles(client, growths),
        saveSubjects(client, subjects),
        saveKeys(client, registry),
        saveTokens(client, registry),
        savePublications(client, registry),
        saveCursor(client, STREAMS.facts, sequence),
        notifyMoved(client, growths),
      ]),
    );
  }

  private remember({ growths, subjects }: BatchEffect): void {
    for (const { log } of growths) this.logs.set(log.tenant, log);
    for (const { view } of subjects) this.subjects.set(view.subject, view);
  }
}
