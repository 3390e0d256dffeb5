import { describe, expect, it } from 'vitest';
import {
  decide,
  evolve,
  foldAhead,
  initialState,
  openDeadlines,
  type DeployCommand,
  type DeployState,
  type LoggedFact,
} from './deploy.ts';

const NOW = Date.UTC(2026, 0, 1);
const HASH = `blake3:${'ab'.repeat(32)}`;
const REF = `mc:acme/web@${HASH}`;
const docker = { provider: 'docker' };

function apply(
  askedAt: number,
  patch: Partial<Extract<DeployCommand, { type: 'apply' }>> = {},
): DeployCommand {
  return {
    type: 'apply',
    deploy: `urn:span:${askedAt}`,
    askedAt,
    ref: REF,
    target: docker,
    placement: { ok: true, runner: 'r1', specHash: HASH },
    withinMs: 1000,
    nowMs: NOW,
    ...patch,
  };
}

function stop(askedAt: number): DeployCommand {
  return { type: 'stop', deploy: `urn:span:${askedAt}`, askedAt, target: docker, withinMs: 1000, nowMs: NOW };
}

/** Decides, and folds what was decided in. */
function run(state: DeployState, ...commands: readonly DeployCommand[]): DeployState {
  return commands.reduce((before, command) => decide(command, before).reduce(evolveDecided, before), state);
}
const evolveDecided = (state: DeployState, fact: ReturnType<typeof decide>[number]): DeployState =>
  evolve(state, fact);

const running = (lease: number): LoggedFact => ({
  intent: 'run_state',
  payload: { lease },
  isRunning: true,
  isOver: false,
});
const over = (lease: number): LoggedFact => ({
  intent: 'run_state',
  payload: { lease },
  isRunning: false,
  isOver: true,
});

describe('a deploy', () => {
  it('is planned for its runner, with the log index of its request as lease', () => {
    const [planned, ...rest] = decide(apply(4), initialState);
    expect(rest).toEqual([]);
    expect(planned).toMatchObject({
      intent: 'deploy.planned',
      payload: {
        action: 'apply',
        lease: 4,
        runner: 'r1',
        spec_hash: HASH,
        deadline: '2026-01-01T00:00:01.000Z',
      },
    });
  });

  it('says nothing new when it is delivered again, before or after its plan was folded in', () => {
    expect(decide(apply(4), initialState)).toEqual(decide(apply(4), initialState));
    expect(decide(apply(4), run(initialState, apply(4)))).toEqual([]);
  });

  it('loses to one that was asked for later', () => {
    expect(decide(apply(3), run(initialState, apply(4)))).toEqual([]);
  });

  it('supersedes an older one of the same target that does not run yet, and says so', () => {
    const facts = decide(apply(9), run(initialState, apply(4)));
    expect(facts.map(({ intent, payload }) => [intent, payload.lease])).toEqual([
      ['deploy.failed', 4],
      ['deploy.planned', 9],
    ]);
    expect(facts[0]?.payload).toMatchObject({ why: 'superseded', deploy: 'urn:span:4', runner: 'r1' });
  });

  it('leaves alone what already runs (the runner replaces it) and what goes elsewhere', () => {
    const started = evolve(run(initialState, apply(4)), running(4));
    expect(decide(apply(9), started).map(({ intent }) => intent)).toEqual(['deploy.planned']);
    const elsewhere = run(initialState, apply(4, { target: { provider: 'podman' } }));
    expect(decide(apply(9), elsewhere).map(({ intent }) => intent)).toEqual(['deploy.planned']);
  });

  it('fails with the reason when it can be placed nowhere', () => {
    const command = apply(4, { placement: { ok: false, why: 'no_runner', message: 'none' } });
    expect(decide(command, initialState)).toMatchObject([
      { intent: 'deploy.failed', payload: { why: 'no_runner', lease: 4 } },
    ]);
    expect(run(initialState, command)).toEqual({ askedAt: 4, open: [], ahead: [] });
  });
});

describe('a deadline', () => {
  it('fails a deploy that does not run by then, once', () => {
    const planned = run(initialState, apply(4));
    expect(openDeadlines(planned)).toEqual([{ lease: 4, deadlineMs: NOW + 1000 }]);
    expect(decide({ type: 'expire', lease: 4, nowMs: NOW + 999 }, planned)).toEqual([]);
    expect(decide({ type: 'expire', lease: 4, nowMs: NOW + 1000 }, planned)).toMatchObject([
      { intent: 'deploy.failed', payload: { why: 'timed_out', lease: 4 } },
    ]);
    expect(
      decide(
        { type: 'expire', lease: 4, nowMs: NOW + 1000 },
        run(planned, { type: 'expire', lease: 4, nowMs: NOW + 1000 }),
      ),
    ).toEqual([]);
  });

  it('is gone once the container runs', () => {
    const started = evolve(run(initialState, apply(4)), running(4));
    expect(openDeadlines(started)).toEqual([]);
    expect(decide({ type: 'expire', lease: 4, nowMs: NOW + 5000 }, started)).toEqual([]);
  });
});

describe('a stop', () => {
  it('is planned for the runner that holds the run', () => {
    const started = evolve(run(initialState, apply(4)), running(4));
    expect(decide(stop(9), started)).toMatchObject([
      { intent: 'deploy.planned', payload: { action: 'stop', lease: 9, runner: 'r1', ref: REF } },
    ]);
  });

  it('of nothing fails, also after the run has ended', () => {
    const ended = evolve(evolve(run(initialState, apply(4)), running(4)), over(4));
    for (const state of [initialState, ended]) {
      expect(decide(stop(9), state)).toMatchObject([
        { intent: 'deploy.failed', payload: { why: 'not_running' } },
      ]);
    }
  });

  it('is over when it is applied', () => {
    const stopping = run(evolve(run(initialState, apply(4)), running(4)), stop(9));
    const applied = evolve(stopping, { intent: 'deploy.applied', payload: { lease: 9, action: 'stop' } });
    expect(applied.open.map(({ lease }) => lease)).toEqual([4]);
    expect(evolve(applied, over(4)).open).toEqual([]);
  });
});

describe('what was decided and has not come back from the log', () => {
  it('counts: a stop right behind its deploy finds the runner', () => {
    const asked = foldAhead(initialState, decide(apply(4), initialState));
    expect(decide(stop(5), asked)).toMatchObject([
      { intent: 'deploy.planned', payload: { action: 'stop', lease: 5, runner: 'r1', spec_hash: HASH } },
    ]);
  });

  it('is not opened again by its own plan once it was superseded', () => {
    const first = decide(apply(4), initialState);
    const asked = foldAhead(initialState, first);
    const second = decide(apply(5), asked);
    const ahead = foldAhead(asked, second);
    expect(ahead).toMatchObject({ open: [{ lease: 5 }], ahead: [4] });
    const back = [...first, ...second].reduce(evolve, ahead);
    expect(back).toEqual({ ...ahead, ahead: [] });
  });

  it('ends with a reason when the plan was refused for its runner', () => {
    expect(
      decide({ type: 'give-up', deploy: 'urn:span:4', askedAt: 4, message: 'gone' }, initialState),
    ).toMatchObject([{ intent: 'deploy.failed', payload: { why: 'no_runner', lease: 4, message: 'gone' } }]);
  });
});
