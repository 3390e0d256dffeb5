import type { Log } from '@logline/service';
import type { Owner, SecretFiles, Target } from '@logline/targets';
import type { Memory } from '../journal/memory.ts';

const AGAIN_MS = 2000;
const ORPHAN_TIMEOUT_MS = 10_000;

/**
 * Compares the engine with the journal, at boot and whenever the engine was away: containers of this runner under leases that nobody
 * knows are removed, and so are secret files of runs that are gone. What the journal knows is driven by `Deploys`, which finds its container by name.
 */
export class Reconciler {
  readonly #memory: Memory;
  readonly #target: Target;
  readonly #secretFiles: SecretFiles;
  readonly #owner: Owner;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  #isReachable = false;

  constructor(options: {
    readonly memory: Memory;
    readonly target: Target;
    readonly secretFiles: SecretFiles;
    readonly owner: Owner;
    readonly log: Log;
  }) {
    this.#memory = options.memory;
    this.#target = options.target;
    this.#secretFiles = options.secretFiles;
    this.#owner = options.owner;
    this.#log = options.log;
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** Only once the log is read to its end: before, a lease may merely not be known yet. */
  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.reconcile();
        this.#isReachable = true;
        // nothing is learned from an event that the wait for an exit does not say; its end says that the engine went away
        for await (const _hint of this.#target.watch(this.#owner, signal)) continue;
      } catch (error) {
        if (this.#isReachable) this.#log.warn({ err: error }, 'the engine is away');
      }
      this.#isReachable = false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, AGAIN_MS);
        signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
      });
    }
  }

  /** @throws TargetError `ENGINE_UNREACHABLE` */
  async reconcile(): Promise<void> {
    const found = await this.#target.recover(this.#owner);
    // after the list: a run that began meanwhile is known here before its container can be there
    const { runs } = this.#memory.state;
    const kept = found.filter(
      ({ run }) => runs.get(run.lease)?.plan.deploy === run.deploy && runs.get(run.lease)?.phase !== 'over',
    );
    for (const { container, run, state } of found) {
      if (kept.some((status) => status.container === container)) continue;
      this.#log.warn(
        { container, lease: run.lease, deploy: run.deploy },
        'removing a container that belongs to no run',
      );
      if (state === 'running') await this.#target.stop(container, ORPHAN_TIMEOUT_MS);
      await this.#target.remove(container, run);
    }
    const { tenant, runner } = this.#owner;
    const alive = [...runs.values()].map(({ plan }) => ({
      tenant,
      runner,
      name: plan.name,
      ref: plan.ref,
      deploy: plan.deploy,
      lease: plan.lease,
      specHash: plan.specHash,
    }));
    await this.#secretFiles.wipe([...alive, ...kept.map(({ run }) => run)]);
  }
}
