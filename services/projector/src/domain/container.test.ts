import type { DeployFailed, DeployPlanned, RunState } from '@logline/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyContainer,
  evolveContainer,
  REFS_KEPT,
  type ContainerFact,
  type ContainerView,
} from './container.ts';

const HASH = `blake3:${'ab'.repeat(32)}`;
const REF = `mc:acme/web@${HASH}`;
const deployOf = (lease: number): string =>
  `urn:span:019ab111-6800-7000-8000-${String(lease).padStart(12, '0')}`;

const planned = (lease: number, action: 'apply' | 'stop' = 'apply'): ContainerFact => {
  const payload: DeployPlanned = {
    deploy: deployOf(lease),
    action,
    ref: REF,
    target: { provider: 'docker' },
    runner: 'home',
    lease,
    deadline: '2026-11-23T12:02:00.000Z',
    spec_hash: HASH,
  };
  return { intent: 'deploy.planned', payload };
};
const failed = (lease: number, why: DeployFailed['why'] = 'image_unavailable'): ContainerFact => ({
  intent: 'deploy.failed',
  payload: { deploy: deployOf(lease), lease, why, message: 'no such image' },
});
const run = (
  name: 'pending' | 'running' | 'exited' | 'failed',
  lease: number,
  more: Partial<RunState> = {},
): ContainerFact => ({
  intent: `run_state.${name}`,
  payload: {
    deploy: deployOf(lease),
    lease,
    runner: 'home',
    ref: REF,
    provider: 'docker',
    node: 'laptop',
    ...more,
  },
});
const stop: ContainerFact = { intent: 'deploy.stop', payload: { target: { provider: 'docker' } } };
const stopApplied = (lease: number): ContainerFact => ({
  intent: 'deploy.applied',
  payload: { deploy: deployOf(lease), action: 'stop', lease, runner: 'home', ref: REF },
});
const applied = (ok: boolean, ref: string): ContainerFact => ({
  intent: 'minicontainer.applied',
  payload: { cause: deployOf(0), ok, ref },
});

/** Facts of one container; a number before a fact is its index, where it matters. */
function given(...facts: readonly (ContainerFact | readonly [number, ContainerFact])[]): ContainerView {
  return facts.reduce<ContainerView>((view, entry, at) => {
    const [index, fact] = 'intent' in entry ? [at, entry] : entry;
    return evolveContainer(view, fact, index);
  }, emptyContainer);
}

describe('a container', () => {
  it('has the ref that was applied last, and remembers earlier ones, newest first, each once', () => {
    const other = `mc:acme/web@blake3:${'cd'.repeat(32)}`;
    expect(given(applied(true, REF), applied(true, other), applied(true, REF)).view).toEqual({
      ref: REF,
      refs: [REF, other],
      run_state: 'none',
    });
    expect(given(applied(false, REF)).view).toEqual({ refs: [], run_state: 'none' });
    const many = Array.from({ length: 60 }, (_, at) =>
      applied(true, `mc:acme/web@blake3:${at.toString(16).padStart(64, '0')}`),
    );
    expect(given(...many).view.refs).toHaveLength(REFS_KEPT);
  });

  it('goes from planned to exited, and keeps what was said on the way', () => {
    const ports = [{ container: 80, host: 32_768, protocol: 'tcp' as const }];
    const started_at = '2026-11-23T12:00:01.000Z';
    const begun = given(
      planned(4),
      run('pending', 4, { container: 'c1' }),
      run('running', 4, { started_at, ports }),
    );
    expect(begun.view).toMatchObject({ run_state: 'running', lease: 4, container: 'c1', started_at, ports });
    const ended = evolveContainer(begun, run('exited', 4, { exit_code: 0, why: 'stopped' }), 9);
    expect(ended.view).toMatchObject({
      run_state: 'exited',
      lease: 4,
      container: 'c1',
      started_at,
      exit_code: 0,
      why: 'stopped',
    });
    expect(ended.view.ports).toBeUndefined();
  });

  it('says what it runs, also when a newer manifest was applied meanwhile', () => {
    const newer = `mc:acme/web@blake3:${'cd'.repeat(32)}`;
    const { view } = given(applied(true, REF), planned(4), run('running', 4), applied(true, newer));
    expect(view).toMatchObject({ run_state: 'running', deployed: REF, ref: newer, refs: [newer, REF] });
  });

  it('that is deployed again is a new run, with nothing of the old one', () => {
    const again = given(
      planned(4),
      run('running', 4, { container: 'c1' }),
      run('exited', 4, { exit_code: 1 }),
      planned(9),
    );
    expect(again.view).toEqual({
      refs: [],
      run_state: 'planned',
      deployed: REF,
      deploy: deployOf(9),
      lease: 9,
      runner: 'home',
      provider: 'docker',
    });
  });
});

describe('an older lease never overwrites a newer one', () => {
  it('not with its end, when it is superseded', () => {
    const replaced = given(
      planned(4),
      run('running', 4),
      planned(9),
      run('exited', 4, { why: 'superseded', exit_code: 143 }),
    );
    expect(replaced.view).toMatchObject({ run_state: 'planned', lease: 9 });
    expect(evolveContainer(replaced, run('running', 9), 12).view).toMatchObject({
      run_state: 'running',
      lease: 9,
    });
  });

  it('not with a late report, when the newer one has ended', () => {
    const ended = given(planned(4), run('running', 4), planned(9), run('running', 9), run('failed', 9));
    expect(evolveContainer(ended, run('running', 4), 12).view).toMatchObject({
      run_state: 'failed',
      lease: 9,
    });
    expect(evolveContainer(ended, failed(4), 12).view).toMatchObject({ run_state: 'failed', lease: 9 });
  });

  it('whatever comes: what is shown belongs to the newest lease that came to anything', () => {
    const fact = fc.oneof(
      fc.nat(6).map((lease) => planned(lease)),
      fc.nat(6).map((lease) => failed(lease)),
      fc
        .tuple(
          fc.constantFrom('pending' as const, 'running' as const, 'exited' as const, 'failed' as const),
          fc.nat(6),
        )
        .map(([name, lease]) => run(name, lease)),
    );
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 40 }), (facts) => {
        let before = emptyContainer;
        for (const [index, one] of facts.entries()) {
          const after = evolveContainer(before, one, index);
          const isBack = (after.view.lease ?? -1) < (before.view.lease ?? -1);
          // the one way back: the newer deploy failed while the older one runs
          const isGivenBack =
            one.intent === 'deploy.failed' && ['pending', 'running'].includes(after.view.run_state);
          expect(!isBack || isGivenBack).toBe(true);
          expect(after.runs.length).toBeLessThanOrEqual(8);
          before = after;
        }
      }),
    );
  });
});

describe('a stop', () => {
  it('that is refused changes nothing, whatever the container does', () => {
    for (const before of [
      given(planned(4)),
      given(planned(4), run('running', 4)),
      given(planned(4), run('exited', 4, { exit_code: 0 })),
      emptyContainer,
    ]) {
      const asked = evolveContainer(before, stop, 9);
      expect(evolveContainer(asked, failed(9, 'not_running'), 10)).toEqual(before);
    }
  });

  it('that times out leaves the run as it is', () => {
    const asked = given(planned(4), run('running', 4), [9, stop], planned(9, 'stop'), failed(9, 'timed_out'));
    expect(asked.view).toMatchObject({ run_state: 'running', lease: 4 });
  });

  it('is forgotten once it is applied; the run says how it ended', () => {
    const stopped = given(
      planned(4),
      run('running', 4),
      [9, stop],
      planned(9, 'stop'),
      stopApplied(9),
      run('exited', 4, { why: 'stopped', exit_code: 0 }),
    );
    expect(stopped.stops).toEqual([]);
    expect(stopped.view).toMatchObject({ run_state: 'exited', lease: 4, why: 'stopped' });
  });
});

describe('a deploy that fails', () => {
  it('before it ran is what there is to show, with the reason', () => {
    expect(given(planned(4), failed(4, 'timed_out')).view).toMatchObject({
      run_state: 'failed',
      lease: 4,
      why: 'timed_out: no such image',
      runner: 'home',
    });
    expect(given(failed(4, 'no_runner')).view).toMatchObject({ run_state: 'failed', lease: 4 });
  });

  it('while an older one runs gives the view back to that one, and says so', () => {
    for (const facts of [[failed(9)], [planned(9), failed(9)]]) {
      const view = given(planned(4), run('running', 4, { container: 'c1' }), ...facts);
      expect(view.view).toMatchObject({
        run_state: 'running',
        lease: 4,
        container: 'c1',
        why: 'a newer deploy failed: image_unavailable: no such image',
      });
      expect(evolveContainer(view, run('exited', 4, { exit_code: 0 }), 20).view).toMatchObject({
        run_state: 'exited',
        lease: 4,
      });
    }
  });
});
