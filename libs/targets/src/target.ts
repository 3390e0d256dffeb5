import type { DeploySpec } from '@logline/contracts';
import type { Run, RunSpec } from './container-spec.ts';
import type { Secret } from './handoff.ts';
import type { ContainerPlan, PlanOptions } from './plan-container.ts';

/**
 * Where containers run.
 *
 * Consistency: what `status` and `recover` say is the truth; `watch` only hints that it may have changed.
 * Durability: none of its own. A container outlives the caller and carries its run as labels, so that whoever comes back finds it.
 * Concurrency: calls for different runs may overlap; for one run the caller makes them one after the other.
 * Idempotency: `apply`, `start`, `stop` and `remove` may be repeated after a crash with unknown outcome and do nothing the second time.
 * Trust: the engine is trusted with the container, never with a secret: none is in a create call, in argv or on a disk.
 *
 * Every method throws `TargetError`: `ENGINE_UNREACHABLE` when the outcome is unknown, a rejected code when the engine said no.
 */
export interface Target {
  readonly capabilities: Capabilities;
  /** Pure: the container this target would run, or everything it refuses. */
  plan(deploy: DeploySpec, options: PlanOptions): ContainerPlan;
  /** Makes the container, stopped, pulling its image once if the host lacks it. Secrets by file are laid out here. */
  apply(spec: RunSpec, secrets: readonly Secret[], signal?: AbortSignal): Promise<RunStatus>;
  /** Starts it, or starts it again; secrets by stdin are handed over here, others are not needed. A container that does not start is removed. */
  start(spec: RunSpec, container: string, secrets: readonly Secret[]): Promise<RunStatus>;
  /** Null when there is no such container. */
  status(container: string): Promise<RunStatus | null>;
  /** Resolves when it runs no more; null when it was removed meanwhile. */
  exited(container: string, signal: AbortSignal): Promise<RunStatus | null>;
  /** Asks it to end, and ends it when `timeoutMs` have passed. Null when there is none. */
  stop(container: string, timeoutMs: number): Promise<RunStatus | null>;
  /** Removes container and secret files; quiet when there are none. */
  remove(container: string, run: Run): Promise<void>;
  /** All containers of one runner, dead ones too. */
  recover(owner: Owner): Promise<readonly RunStatus[]>;
  /** Hints that containers of one runner changed, until the signal or the end of the connection. */
  watch(owner: Owner, signal: AbortSignal): AsyncIterable<EngineHint>;
  /** What the process wrote, as it wrote it: if it printed a secret, that is in here. */
  logs(container: string, options: LogOptions): AsyncIterable<LogChunk>;
}

export type Capabilities = {
  readonly healthchecks: boolean;
  readonly replicas: number;
  readonly secretDelivery: readonly ('file' | 'env')[];
  readonly restart: readonly ('never' | 'on-failure' | 'always')[];
};
export type Owner = { readonly tenant: string; readonly runner: string };

/** One container as the engine sees it. */
export type RunStatus = {
  readonly container: string;
  readonly run: Run;
  /** Id of the image it was made from. */
  readonly image: string;
  readonly state: 'created' | 'running' | 'exited';
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  /** 128 + signal for a signal. Absent until it exited. */
  readonly exitCode?: number;
  readonly isOomKilled: boolean;
  /** The ports really published. */
  readonly ports: readonly {
    readonly container: number;
    readonly host: number;
    readonly protocol: 'tcp' | 'udp';
  }[];
};
export type EngineHint = { readonly container: string; readonly action: string };
export type LogOptions = { readonly follow: boolean; readonly tail?: number; readonly signal: AbortSignal };
export type LogChunk = { readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array };
