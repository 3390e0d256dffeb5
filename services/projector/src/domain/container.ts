import type {
  ContainerState,
  DeployApplied,
  DeployFailed,
  DeployPlanned,
  DeployStop,
  MinicontainerApplied,
  RunState,
} from '@logline/contracts';

/** Refs kept in a container's view, newest first; older ones stay in the log and in `/v1/spans/query`. */
export const REFS_KEPT = 50;
/** Runs remembered of one container; more are open only when runners have gone away without a word. */
const RUNS_KEPT = 8;

type Run = Omit<ContainerState, 'ref' | 'refs' | 'lease'> & {
  readonly lease: number;
  /** No terminal report has come. */
  readonly isOpen: boolean;
};

/** A container as its facts left it: what is shown, and what is remembered to say it right. */
export type ContainerView = {
  readonly view: ContainerState;
  /** By lease, oldest first: those that are open, and the newest. The last one is shown. */
  readonly runs: readonly Run[];
  /** Log indexes of stops that are asked for and not settled: their failing says nothing about a run. */
  readonly stops: readonly number[];
};

export const emptyContainer: ContainerView = { view: { refs: [], run_state: 'none' }, runs: [], stops: [] };

/** What changes a container's view; payloads are as the gate accepted them. */
export type ContainerFact =
  | { readonly intent: 'minicontainer.applied'; readonly payload: MinicontainerApplied }
  | { readonly intent: 'deploy.stop'; readonly payload: DeployStop }
  | { readonly intent: 'deploy.planned'; readonly payload: DeployPlanned }
  | { readonly intent: 'deploy.failed'; readonly payload: DeployFailed }
  | { readonly intent: 'deploy.applied'; readonly payload: DeployApplied }
  | { readonly intent: `run_state.${RunStateName}`; readonly payload: RunState };
type RunStateName = 'pending' | 'running' | 'exited' | 'failed';

/** The view after one more fact, `index` in the log. A report of an older lease never overwrites what a newer one said. */
export function evolveContainer(before: ContainerView, fact: ContainerFact, index: number): ContainerView {
  const { runs, stops } = before;
  switch (fact.intent) {
    case 'minicontainer.applied': {
      const { ok, ref } = fact.payload;
      if (!ok) return before;
      const refs = [ref, ...before.view.refs.filter((other) => other !== ref)].slice(0, REFS_KEPT);
      return { ...before, view: { ...before.view, ref, refs } };
    }
    case 'deploy.stop':
      return { ...before, stops: [...stops, index].slice(-RUNS_KEPT) };
    case 'deploy.applied':
      return { ...before, stops: without(stops, fact.payload.lease) };
    case 'deploy.planned': {
      const { action, deploy, lease, ref, runner, target } = fact.payload;
      if (action === 'stop') return before;
      const run: Run = {
        run_state: 'planned',
        deployed: ref,
        deploy,
        lease,
        runner,
        provider: target.provider,
        isOpen: true,
      };
      return show(before, insert(runs, run));
    }
    case 'deploy.failed': {
      const { lease } = fact.payload;
      if (stops.includes(lease)) return { ...before, stops: without(stops, lease) };
      return show(before, failed(runs, fact.payload));
    }
    case 'run_state.pending':
      return show(before, reported(runs, 'pending', fact.payload));
    case 'run_state.running':
      return show(before, reported(runs, 'running', fact.payload));
    case 'run_state.exited':
      return show(before, reported(runs, 'exited', fact.payload));
    case 'run_state.failed':
      return show(before, reported(runs, 'failed', fact.payload));
  }
}

/** A deploy that came to nothing. What ran before it, and still does, is what there is to show. */
function failed(runs: readonly Run[], { deploy, lease, runner, why, message }: DeployFailed): readonly Run[] {
  const others = besides(runs, lease);
  const last = others.at(-1);
  if (last !== undefined && last.lease > lease) return others;
  if (last?.run_state === 'pending' || last?.run_state === 'running') {
    return [...others.slice(0, -1), { ...last, why: `a newer deploy failed: ${why}: ${message}` }];
  }
  const known = runs.find((run) => run.lease === lease);
  const of = optional({
    deployed: known?.deployed,
    runner: runner ?? known?.runner,
    provider: known?.provider,
  });
  return insert(runs, {
    run_state: 'failed',
    deploy,
    lease,
    ...of,
    why: `${why}: ${message}`,
    isOpen: false,
  });
}

function reported(runs: readonly Run[], name: RunStateName, report: RunState): readonly Run[] {
  const { lease, deploy, ref, runner, provider, node, exit_code, finished_at, ports, why } = report;
  const known = runs.find((run) => run.lease === lease);
  const isNewest = lease >= newestLease(runs);
  if (known === undefined && !isNewest) return runs;
  const isOpen = name === 'pending' || name === 'running';
  if (!isOpen && !isNewest) return runs.filter((run) => run.lease !== lease);
  return insert(runs, {
    run_state: name,
    deployed: ref,
    deploy,
    lease,
    runner,
    provider,
    node,
    ...optional({
      container: report.container ?? known?.container,
      started_at: report.started_at ?? (name === 'pending' ? undefined : known?.started_at),
      finished_at,
      exit_code,
      ports,
      why,
    }),
    isOpen,
  });
}

function show({ view, stops }: ContainerView, runs: readonly Run[]): ContainerView {
  const kept = runs.slice(-RUNS_KEPT);
  const { ref, refs } = view;
  const identity = ref === undefined ? { refs } : { ref, refs };
  const shown = kept.at(-1);
  if (shown === undefined) return { view: { ...identity, run_state: 'none' }, runs: kept, stops };
  const { isOpen: _, ...run } = shown;
  return { view: { ...identity, ...run }, runs: kept, stops };
}

function insert(runs: readonly Run[], run: Run): readonly Run[] {
  return [...besides(runs, run.lease), run].toSorted((a, b) => a.lease - b.lease);
}

/** The others that matter: a closed one is history as soon as a newer one says something. */
function besides(runs: readonly Run[], lease: number): readonly Run[] {
  return runs.filter((run) => run.lease !== lease && (run.isOpen || run.lease > lease));
}

function newestLease(runs: readonly Run[]): number {
  return runs.at(-1)?.lease ?? -1;
}

function without(stops: readonly number[], lease: number): readonly number[] {
  return stops.filter((stop) => stop !== lease);
}

/** JSON has no undefined; what is not known is left out. */
function optional<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  }; // fromEntries forgets the keys it was given
}
