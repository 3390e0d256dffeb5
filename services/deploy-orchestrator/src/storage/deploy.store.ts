import { Inject, Injectable } from '@nestjs/common';
import { MikroORM, type EntityManager } from '@mikro-orm/postgresql';
import type { DeploySpec, RunnerAllowance } from '@logline/contracts';
import { toPostgresError, type Pool } from '@logline/postgres';
import { initialState, type DeployState } from '../domain/deploy.ts';
import type { Runner } from '../domain/place.ts';
import { OrchestratorError } from '../errors.ts';
import { Container, Cursor, Position, RegisteredRunner, StoredBlueprint } from './entities.ts';
import { keepBlueprints } from './keep-blueprints.ts';
import { POOL } from './pool.ts';
import { saveCursor } from './save-cursor.ts';

/** What a later deploy of this ref is planned from. */
export type Blueprint = { readonly ref: string; readonly deploy: DeploySpec };

/** What one fact changes, saved together with how far the log has been read. */
export type Effect = {
  readonly container?: { readonly subject: string; readonly state: DeployState };
  readonly runnerAdded?: {
    readonly runner: string;
    readonly providers: readonly string[];
    readonly allow: RunnerAllowance;
  };
  readonly runnerRemoved?: string;
};

/** How far a log was read: from the index found to the one reached. −1 is before the first. */
export type Advance = { readonly from: number; readonly to: number };

/**
 * The orchestrator's tables. Rebuildable from facts; written by the leader only. An effect and the position it came from are one
 * transaction, and the position is compared before it moves: a fact is folded in once however often it is delivered, and to however many leaders.
 * Every method throws PostgresError.
 */
@Injectable()
export class DeployStore {
  constructor(
    private readonly orm: MikroORM,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  /** Log index of the last fact folded in; −1 for none. */
  async positionOf(tenant: string): Promise<number> {
    return await this.read(async (em) => (await em.findOne(Position, { tenant }))?.index ?? -1);
  }

  async stateOf(tenant: string, subject: string): Promise<DeployState> {
    return await this.read(
      async (em) => (await em.findOne(Container, { tenant, subject }))?.state ?? initialState,
    );
  }

  async blueprintOf(tenant: string, ref: string): Promise<DeploySpec | null> {
    return await this.read(
      async (em) => (await em.findOne(StoredBlueprint, { tenant, ref }))?.deploy ?? null,
    );
  }

  /** All runners of a tenant, each with the number of deploys it holds open. */
  async runnersOf(tenant: string): Promise<readonly Runner[]> {
    return await this.read(async (em) => {
      const runners = await em.find(RegisteredRunner, { tenant });
      const busy = await em.find(Container, { tenant, openCount: { $gt: 0 } });
      const held = busy.flatMap(({ state }) => state.open.map((open) => open.runner));
      return runners.map(({ runner, providers, allow }) => ({
        runner,
        providers,
        allow,
        load: held.filter((name) => name === runner).length,
      }));
    });
  }

  /** Every container with something open, for a new leader to arm its deadlines. */
  async allOpen(): Promise<readonly { tenant: string; subject: string; state: DeployState }[]> {
    return await this.read((em) => em.find(Container, { openCount: { $gt: 0 } }));
  }

  /** What applies leave for later, and how far the log was read with them. @throws OrchestratorError `MOVED`, as `save` */
  async keep(tenant: string, advance: Advance, blueprints: readonly Blueprint[]): Promise<void> {
    if (!(await keepBlueprints(this.pool, tenant, advance, blueprints))) throw moved(tenant, advance);
  }

  /** @throws OrchestratorError `MOVED` when the log was read further by somebody else; then nothing is saved */
  async save(tenant: string, { from, to }: Advance, effect: Effect): Promise<void> {
    await this.read((root) =>
      root.transactional(async (em) => {
        const { affectedRows } =
          from < 0
            ? await em
                .createQueryBuilder(Position)
                .insert({ tenant, index: to })
                .onConflict('tenant')
                .ignore()
                .execute()
            : await em
                .createQueryBuilder(Position)
                .update({ index: to })
                .where({ tenant, index: from })
                .execute();
        if (affectedRows !== 1) throw moved(tenant, { from, to });
        const { container, runnerAdded, runnerRemoved } = effect;
        if (container !== undefined) {
          const openCount = container.state.open.length;
          await em.upsert(Container, { tenant, ...container, openCount });
        }
        if (runnerAdded !== undefined) await em.upsert(RegisteredRunner, { tenant, ...runnerAdded });
        if (runnerRemoved !== undefined)
          await em.nativeDelete(RegisteredRunner, { tenant, runner: runnerRemoved });
      }),
    );
  }

  /** Sequence in the stream up to which everything is folded in; 0 for a database that is new or was lost. */
  async cursorOf(stream: string): Promise<number> {
    return await this.read(async (em) => (await em.findOne(Cursor, { stream }))?.sequence ?? 0);
  }

  async saveCursor(stream: string, sequence: number): Promise<void> {
    await saveCursor(this.pool, stream, sequence);
  }

  /** An identity map of its own for each call: nothing is remembered between facts. */
  private async read<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await work(this.orm.em.fork() as EntityManager); // the driver's own manager; fork() is typed as the generic one
    } catch (error) {
      throw error instanceof OrchestratorError ? error : toPostgresError(error);
    }
  }
}

function moved(tenant: string, { from }: Advance): OrchestratorError {
  return new OrchestratorError('MOVED', `the log of ${tenant} was read beyond ${from} by somebody else`);
}
