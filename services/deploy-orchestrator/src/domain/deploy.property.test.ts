import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decide,
  evolve,
  foldAhead,
  initialState,
  openDeadlines,
  type DeployFact,
  type DeployState,
  type LoggedFact,
} from './deploy.ts';

const NOW = Date.UTC(2026, 0, 1);
const HASH = `blake3:${'ab'.repeat(32)}`;

/** What happens next: a client asks, or a runner reports on one of the leases planned so far. */
const step = fc.oneof(
  fc.record({
    kind: fc.constantFrom('apply' as const, 'stop' as const),
    provider: fc.constantFrom('docker', 'podman'),
    isPlaced: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('running' as const, 'over' as const, 'applied' as const, 'timeout' as const),
    nth: fc.nat(5),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Plays the steps on a log: facts of the decider are appended behind what is there already, and come back when their turn is. */
function play(steps: readonly Step[], isAhead: boolean): { log: (LoggedFact | Step)[]; state: DeployState } {
  const log: (LoggedFact | Step)[] = [...steps];
  let state = initialState;
  for (let index = 0; index < log.length; index++) {
    const entry = log[index];
    if (entry === undefined) continue;
    if ('intent' in entry) {
      state = evolve(state, entry);
      continue;
    }
    const decided = decisions(entry, index, state);
    if (isAhead) state = foldAhead(state, decided);
    log.push(...decided);
    const reported = reportOf(entry, state);
    if (reported !== undefined) log.push(reported);
  }
  return { log, state };
}

function decisions(entry: Step, index: number, state: DeployState): readonly DeployFact[] {
  switch (entry.kind) {
    case 'apply':
    case 'stop': {
      const asked = {
        deploy: `urn:span:${index}`,
        askedAt: index,
        target: { provider: entry.provider },
        withinMs: 1_000,
        nowMs: NOW,
      };
      if (entry.kind === 'stop') return decide({ type: 'stop', ...asked }, state);
      const placement = entry.isPlaced
        ? ({ ok: true, runner: 'r1', specHash: HASH } as const)
        : ({ ok: false, why: 'no_runner', message: 'none' } as const);
      return decide({ type: 'apply', ref: `mc:acme/web@${HASH}`, placement, ...asked }, state);
    }
    case 'timeout':
      return openDeadlines(state).flatMap(({ lease, deadlineMs }) =>
        decide({ type: 'expire', lease, nowMs: deadlineMs }, state),
      );
    case 'running':
    case 'over':
    case 'applied':
      return [];
  }
}

function reportOf(entry: Step, state: DeployState): LoggedFact | undefined {
  if (!('nth' in entry) || entry.kind === 'timeout') return undefined;
  const open = state.open[entry.nth % Math.max(1, state.open.length)];
  if (open === undefined) return undefined;
  const { lease, action } = open;
  if (entry.kind === 'applied') return { intent: 'deploy.applied', payload: { lease, action } };
  if (action === 'stop') return undefined;
  return {
    intent: 'run_state',
    payload: { lease },
    isRunning: entry.kind === 'running',
    isOver: entry.kind === 'over',
  };
}

const isDecided = (entry: LoggedFact | Step): entry is DeployFact =>
  'intent' in entry &&
  (entry.intent === 'deploy.planned' || (entry.intent === 'deploy.failed' && 'why' in entry.payload));

describe('whatever is asked and reported', () => {
  it('each deploy is planned at most once, and one that is placed is never left without an answer', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { log } = play(steps, true);
        steps.forEach((entry, index) => {
          if (entry.kind !== 'apply' && entry.kind !== 'stop') return;
          const answers = log.filter(isDecided).filter(({ payload }) => payload.lease === index);
          expect(answers.filter(({ intent }) => intent === 'deploy.planned').length).toBeLessThanOrEqual(1);
          expect(answers.length).toBeGreaterThanOrEqual(1);
        });
      }),
    );
  });

  it('of one target at most one deploy waits to run', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { state } = play(steps, true);
        for (const provider of ['docker', 'podman']) {
          const waiting = state.open.filter(
            ({ action, status, target }) =>
              action === 'apply' && status === 'planned' && target.provider === provider,
          );
          expect(waiting.length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('nothing is remembered ahead once all facts have come back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        expect(play(steps, true).state.ahead).toEqual([]);
      }),
    );
  });

  it('folding the log alone gives what was folded ahead', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { log, state } = play(steps, true);
        const facts = log.filter((entry): entry is LoggedFact => 'intent' in entry);
        const sorted = (of: DeployState): DeployState => ({
          ...of,
          open: of.open.toSorted((a, b) => a.lease - b.lease),
        });
        expect(sorted(facts.reduce(evolve, initialState))).toEqual(sorted(state));
      }),
    );
  });
});
