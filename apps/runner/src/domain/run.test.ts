import { describe, expect, test } from 'vitest';
import { evolveRun } from './evolve-run.ts';
import { nextStep } from './next-step.ts';
import type { Plan } from './plan.ts';
import { reportsOf, type Self } from './reports.ts';
import { newRun, type Run, type Terms } from './run.ts';
import type { RunEvent } from './run-event.ts';

const SELF: Self = { runner: 'edge-1', provider: 'docker', node: 'host-1' };
const PLAN: Plan = {
  action: 'apply',
  deploy: 'urn:span:01890a5d-ac96-774b-bcce-b302099a8057',
  subject: 'urn:minicontainer:acme/hello',
  name: 'hello',
  ref: `mc:acme/hello@blake3:${'0'.repeat(64)}`,
  target: { provider: 'docker' },
  lease: 7,
  deadlineMs: 100_000,
  specHash: `blake3:${'1'.repeat(64)}`,
  cause: 'urn:span:01890a5d-ac96-774b-bcce-b302099a8058',
  causeMs: 1000,
  trace: '0'.repeat(32),
};
const STOP: Plan = {
  ...PLAN,
  action: 'stop',
  deploy: 'urn:span:01890a5d-ac96-774b-bcce-b302099a8059',
  lease: 9,
};
const GRANT = { grant: 'g', artifact: 'a', artifact_hash: `blake3:${'2'.repeat(64)}` };
const TERMS: Terms = { grants: [], delivery: 'file', restart: { policy: 'never' }, stopTimeoutMs: 1000 };
const SPAN = 'urn:span:01890a5d-ac96-774b-bcce-b302099a8060';

const verified: RunEvent = { type: 'verified', terms: TERMS };
const verifiedWithGrant: RunEvent = { type: 'verified', terms: { ...TERMS, grants: [GRANT] } };
const created: RunEvent = { type: 'created', container: 'c1', image: 'sha256:1' };
const started: RunEvent = {
  type: 'started',
  startedAtMs: 2000,
  ports: [{ container: 80, host: 32_000, protocol: 'tcp' }],
};
const exited = (exitCode: number | null, more = {}): RunEvent => ({
  type: 'exited',
  exitCode,
  finishedAtMs: 3000,
  isOomKilled: false,
  isVanished: false,
  ...more,
});
const stopAsked: RunEvent = { type: 'endAsked', end: { why: 'stopped', stop: STOP } };
const superseded: RunEvent = { type: 'endAsked', end: { why: 'superseded' } };
const closed: RunEvent = { type: 'endAsked', end: { why: 'closed' } };
const cleaned: RunEvent = { type: 'cleaned' };

/** Given events, then what was said and where the run stands. */
function given(...events: readonly RunEvent[]): {
  run: Run;
  said: readonly string[];
  payloads: readonly unknown[];
} {
  let run = newRun(PLAN);
  const reports = events.flatMap((event) => {
    const of = reportsOf(run, event, SELF);
    run = evolveRun(run, event);
    return of;
  });
  return {
    run,
    said: reports.map(({ intent, about }) => `${about.lease} ${intent}`),
    payloads: reports.map(({ payload }) => payload),
  };
}

function stepAfter(events: readonly RunEvent[], nowMs = 5000, isPlaceTaken = false): string {
  return nextStep(given(...events).run, { nowMs, isPlaceTaken }).do;
}

describe('a run', () => {
  test('goes from plan to running and tells each step in the order of the protocol', () => {
    const { said, run } = given(verified, created, started, exited(0), cleaned);
    expect(said).toEqual([
      '7 deploy.applied',
      '7 run_state.pending',
      '7 run_state.running',
      '7 run_state.exited',
    ]);
    expect(run.phase).toBe('over');
  });

  test('asks before it opens grants, and says so when it has', () => {
    const { said } = given(verifiedWithGrant, { type: 'opened' }, created);
    expect(said.slice(0, 2)).toEqual(['7 grant.materialize', '7 grant.materialized']);
  });

  test('opens nothing before the receipt is there and its own reading of the log has come to it', () => {
    const asked = [verifiedWithGrant, { type: 'said', intent: 'grant.materialize', span: SPAN }] as const;
    const receipted = { type: 'receipted', span: SPAN, index: 12, timeMs: 4000 } as const;
    const logged = { type: 'materializeLogged', span: SPAN } as const;
    expect(stepAfter([...asked, receipted])).toBe('wait');
    expect(stepAfter([...asked, logged])).toBe('wait');
    expect(stepAfter([...asked, receipted, logged])).toBe('open');
    expect(stepAfter([...asked, { ...receipted, span: 'another' }, logged])).toBe('wait');
  });

  test('begins the opening anew when secrets or freshness are gone', () => {
    const { run, said } = given(verifiedWithGrant, { type: 'opened' }, { type: 'lapsed' });
    expect(said.filter((intent) => intent === '7 grant.materialize')).toHaveLength(2);
    expect(run).toMatchObject({
      phase: 'materialize',
      materialize: { attempt: 2, receipt: null, isLogged: false },
    });
  });

  test('says deploy.applied once, however often its container is found again', () => {
    const { said } = given(
      verifiedWithGrant,
      { type: 'opened' },
      created,
      { type: 'lapsed' },
      { type: 'opened' },
      created,
    );
    expect(said.filter((intent) => intent === '7 deploy.applied')).toHaveLength(1);
  });

  test.each([
    ['an exit by itself', exited(0), 'run_state.exited', undefined],
    ['a crash', exited(3), 'run_state.failed', 'crashed'],
    ['an out-of-memory kill', exited(137, { isOomKilled: true }), 'run_state.failed', 'oom'],
    [
      'a removal behind its back',
      exited(null, { isVanished: true }),
      'run_state.failed',
      'removed by somebody else',
    ],
  ])('tells %s', (_, exit, intent, why) => {
    const { said, payloads } = given(verified, created, started, exit);
    expect(said.at(-1)).toBe(`7 ${intent}`);
    expect((payloads.at(-1) as { why?: string }).why).toBe(why); // a run state in all four
  });

  test('tells a stop under its own lease first, then the exit under that of the run', () => {
    const { said, payloads } = given(verified, created, started, stopAsked, exited(137), cleaned);
    expect(said.slice(-2)).toEqual(['9 deploy.applied', '7 run_state.exited']);
    expect(payloads.at(-1)).toMatchObject({ lease: 7, why: 'stopped', exit_code: 137 });
    expect(payloads.at(-2)).toMatchObject({ lease: 9, action: 'stop', deploy: STOP.deploy });
  });

  test('tells a stop of what never ran as a deploy that failed', () => {
    expect(given(verified, created, stopAsked, cleaned).said.slice(-2)).toEqual([
      '9 deploy.applied',
      '7 deploy.failed',
    ]);
  });

  test('ends for a newer one, and says so', () => {
    const { payloads } = given(verified, created, started, superseded, exited(143), cleaned);
    expect(payloads.at(-1)).toMatchObject({ why: 'superseded', exit_code: 143 });
    expect(given(verified, superseded, cleaned).payloads.at(-1)).toMatchObject({ why: 'superseded' });
  });

  test('goes without a word when the log has closed its deploy', () => {
    const { said, run } = given(verified, created, started, closed, cleaned);
    expect(said.at(-1)).toBe('7 run_state.running');
    expect(run.phase).toBe('over');
  });

  test('says why it failed only after its container is gone', () => {
    const failed: RunEvent = { type: 'failed', why: 'port_conflict', message: 'taken' };
    expect(given(verified, created, failed).said.at(-1)).toBe('7 run_state.pending');
    expect(given(verified, created, failed, cleaned).payloads.at(-1)).toMatchObject({
      why: 'port_conflict',
      message: 'taken',
    });
  });

  test('remembers a container that was made after its end was asked for', () => {
    expect(given(verified, stopAsked, created).run).toMatchObject({ phase: 'clean', container: 'c1' });
  });

  test('keeps its deadline until it has started, and forgets it then', () => {
    expect(stepAfter([verified], 100_000)).toBe('giveUp');
    expect(stepAfter([verified, created], 100_000)).toBe('giveUp');
    expect(stepAfter([verified, created, started], 100_000)).toBe('watch');
  });

  test('waits until the older one in its place has ended', () => {
    expect(stepAfter([verified, created], 5000, true)).toBe('makeRoom');
    expect(stepAfter([verified, created], 5000, false)).toBe('start');
  });

  test('restarts as its manifest says, each time after a longer pause, and no more often', () => {
    const terms: Terms = { ...TERMS, restart: { policy: 'on-failure', maxRetries: 2 } };
    const again = [exited(1), { ...started, startedAtMs: 3000 }] as const;
    const first: RunEvent = { type: 'verified', terms };
    expect(given(first, created, started, exited(1)).run).toMatchObject({
      phase: 'restart',
      restartAtMs: 4000,
    });
    expect(given(first, created, started, ...again, exited(1)).run).toMatchObject({
      phase: 'restart',
      restartAtMs: 5000,
    });
    expect(given(first, created, started, ...again, ...again, exited(1)).said.at(-1)).toBe(
      '7 run_state.failed',
    );
    expect(given(first, created, started, exited(0)).said.at(-1)).toBe('7 run_state.exited');
    expect(given(first, created, started, stopAsked, exited(1)).said.at(-1)).toBe('7 run_state.exited');
  });

  test('counts restarts anew when it has run for a while', () => {
    const terms: Terms = { ...TERMS, restart: { policy: 'always', maxRetries: 1 } };
    const { run } = given(
      { type: 'verified', terms },
      created,
      started,
      exited(1),
      started,
      exited(1, { finishedAtMs: 20_000 }),
    );
    expect(run).toMatchObject({ phase: 'restart', restarts: 1 });
  });

  test('takes up a container that only the log remembers', () => {
    const found: RunEvent = { type: 'foundInLog', container: 'c1', startedAtMs: 2000 };
    const { run, said } = given(found, verified, started);
    expect(run).toMatchObject({ phase: 'running', container: 'c1' });
    expect(said).toEqual(['7 run_state.running']);
    expect(stepAfter([found], 200_000)).toBe('verify');
  });

  test('is changed by nothing once it is over', () => {
    const over = given(verified, created, started, exited(0), cleaned).run;
    for (const event of [verified, created, started, exited(1), stopAsked, closed, cleaned]) {
      expect(evolveRun(over, event)).toMatchObject({ phase: 'over' });
      expect(reportsOf(over, event, SELF)).toEqual([]);
    }
  });
});
