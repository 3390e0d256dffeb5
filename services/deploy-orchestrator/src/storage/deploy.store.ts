import { Injectable } from '@nestjs/common';
import { MikroORM, type EntityManager } from '@mikro-orm/postgresql';
import type { DeploySpec, RunnerAllowance } from '@logline/contracts';
import { initialState, type DeployState } from '../domain/deploy.ts';
import type { Runner } from '../domain/place.ts';
import { Blueprint, Container, Position, RegisteredRunner } from './entities.ts';

/** What one fact changes, saved together with how far the log has been read. */
export type Effect = {
  readonly container?: { readonly subject: string; readonly state: DeployState };
  readonly blueprint?: { readonly ref: string; readonly deploy: DeploySpec };
  readonly runnerAdded?: {
    readonly runner: string;
    readonly providers: readonly string[];
    readonly allow: RunnerAllowance;
  };
  readonly runnerRemoved?: string;
};

/**
 * The orchestrator's tables. Rebuildable from facts; written by the leader only. An effect and the position it came from are
 * one transaction, so a fact is folded in once however often it is delivered.
 */
@Injectable()
export class DeployStore {
  constructor(private readonly orm: MikroORM) {}

  /** Log index of the last fact folded in; −1 for none. */
  async positionOf(tenant: string): Promise<number> {
    const position = await this.em().findOne(Position, { tenant });
    return position?.index ?? -1;
  }

  async stateOf(tenant: string, subject: string): Promise<DeployState> {
    const container = await this.em().findOne(Container, { tenant, subject });
    return container?.state ?? initialState;
  }

  async blueprintOf(tenant: string, ref: string): Promise<DeploySpec | null> {
    return (await this.em().findOne(Blueprint, { tenant, ref }))?.deploy ?? null;
  }

  /** All runners of a tenant, each with the number of deploys it holds open. */
  async runnersOf(tenant: string): Promise<readonly Runner[]> {
    const em = this.em();
    const runners = await em.find(RegisteredRunner, { tenant });
    const containers = await em.find(Container, { tenant });
    const held = containers.flatMap(({ state }) => state.open.map((open) => open.runner));
    return runners.map(({ runner, providers, allow }) => ({
      runner,
      providers,
      allow,
      load: held.filter((name) => name === runner).length,
    }));
  }

  /** Every container with something open, for a new leader to arm its deadlines. */
  async allOpen(): Promise<readonly { tenant: string; subject: string; state: DeployState }[]> {
    const containers = await this.em().find(Container, {});
    return containers.filter(({ state }) => state.open.length > 0);
  }

  async save(tenant: string, index: number, effect: Effect): Promise<void> {
    await this.em().transactional(async (em) => {
      const { container, blueprint, runnerAdded, runnerRemoved } = effect;
      if (container !== undefined) await em.upsert(Container, { tenant, ...container });
      if (blueprint !== undefined) await em.upsert(Blueprint, { tenant, ...blueprint });
      if (runnerAdded !== undefined) await em.upsert(RegisteredRunner, { tenant, ...runnerAdded });
      if (runnerRemoved !== undefined)
        await em.nativeDelete(RegisteredRunner, { tenant, runner: runnerRemoved });
      await em.upsert(Position, { tenant, index });
    });
  }

  private em(): EntityManager {
    return this.orm.em.fork() as EntityManager; // the driver's own manager; fork() is typed as the generic one
  }
}
