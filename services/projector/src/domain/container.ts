import type {
  ContainerState,
  DeployFailed,
  DeployPlanned,
  MinicontainerApplied,
  RunState,
} from '@logline/contracts';

/** Refs kept in a container's view, newest first; older ones stay in the log and in `/v1/spans/query`. */
export const REFS_KEPT = 50;

export const emptyContainer: ContainerState = { refs: [], run_state: 'none' };

/** What changes a container's view; payloads are as the gate accepted them. */
export type ContainerFact =
  | { readonly intent: 'minicontainer.applied'; readonly payload: MinicontainerApplied }
  | { readonly intent: 'deploy.planned'; readonly payload: DeployPlanned }
  | { readonly intent: 'deploy.failed'; readonly payload: DeployFailed }
  | { readonly intent: `run_state.${RunStateName}`; readonly payload: RunState };
type RunStateName = 'pending' | 'running' | 'exited' | 'failed';

/** The view after one more fact. Reports of an older lease never overwrite those of a newer one. */
export function evolveContainer(state: ContainerState, fact: ContainerFact): ContainerState {
  switch (fact.intent) {
    case 'minicontainer.applied': {
      const { ok, ref } = fact.payload;
      if (!ok) return state;
      return {
        ...state,
        ref,
        refs: [ref, ...state.refs.filter((other) => other !== ref)].slice(0, REFS_KEPT),
      };
    }
    case 'deploy.planned': {
      const { action, deploy, lease, runner, target } = fact.payload;
      if (action === 'stop') return state;
      return { ...identity(state), run_state: 'planned', deploy, lease, runner, provider: target.provider };
    }
    case 'deploy.failed': {
      const { deploy, lease, why, message } = fact.payload;
      if (lease < (state.lease ?? -1)) return state;
      // a refused stop says nothing about the run that goes on
      if (lease !== state.lease && state.run_state === 'running') return state;
      return { ...state, run_state: 'failed', deploy, lease, why: `${why}: ${message}` };
    }
    case 'run_state.pending':
    case 'run_state.running':
    case 'run_state.exited':
    case 'run_state.failed':
      return evolveRun(state, fact.intent.slice('run_state.'.length), fact.payload);
  }
}

function evolveRun(state: ContainerState, name: string, run: RunState): ContainerState {
  if (run.lease < (state.lease ?? -1)) return state;
  const { deploy, lease, runner, provider, node, container, started_at, finished_at, exit_code, ports, why } =
    run;
  return {
    ...identity(state),
    run_state: runStateOf(name),
    deploy,
    lease,
    runner,
    provider,
    node,
    ...(container === undefined ? {} : { container }),
    ...(started_at === undefined ? {} : { started_at }),
    ...(finished_at === undefined ? {} : { finished_at }),
    ...(exit_code === undefined ? {} : { exit_code }),
    ...(ports === undefined ? {} : { ports }),
    ...(why === undefined ? {} : { why }),
  };
}

function runStateOf(name: string): RunStateName {
  return name === 'pending' || name === 'running' || name === 'exited' ? name : 'failed';
}

/** What a container is, as opposed to how its latest run goes. */
function identity({ ref, refs }: ContainerState): Pick<ContainerState, 'ref' | 'refs'> {
  return ref === undefined ? { refs } : { ref, refs };
}
