import { describe, expect, it } from 'vitest';
import { scheduleOf, TRAFFIC } from './schedule.ts';
import { STEPS } from './steps-of.ts';

const many = Array.from({ length: 1_000 }, (_, at) => scheduleOf(123_456 + at));

describe('a schedule', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(scheduleOf(7)).toEqual(scheduleOf(7));
    expect(scheduleOf(7)).not.toEqual(scheduleOf(8));
  });

  it('kills at every step within a thousand seeds in a row', () => {
    const killed = many.flatMap(({ rounds }) =>
      rounds.flatMap(({ faults }) =>
        faults.flatMap((fault) => (fault.kind === 'hit' && fault.action === 'kill' ? [fault.step] : [])),
      ),
    );
    for (const { name } of STEPS) expect(killed.filter((step) => step === name).length).toBeGreaterThan(5);
  });

  it('has every kind of traffic and of fault within a thousand seeds', () => {
    const kinds = new Set(
      many.flatMap(({ rounds }) => rounds.flatMap(({ traffic }) => traffic.map(({ what }) => what))),
    );
    expect([...kinds].toSorted()).toEqual([...TRAFFIC].toSorted());
    const faults = new Set(
      many.flatMap(({ rounds }) => rounds.flatMap((round) => round.faults.map(({ kind }) => kind))),
    );
    expect([...faults].toSorted()).toEqual([
      'clock',
      'contend',
      'disk full',
      'facts refused',
      'hit',
      'line',
      'nats',
      'plain kill',
      'postgres',
    ]);
  });

  it('brings the traffic without which its step would not pass', () => {
    expect(many).toHaveLength(1_000);
    for (const { seed, rounds } of many) {
      const step = STEPS[seed % STEPS.length];
      const kinds = rounds[0]?.traffic.map(({ what }) => what) ?? [];
      if (step?.wants === 'key') expect(kinds).toContain('key');
      if (step?.wants === 'stale') expect(kinds).toContain('stale');
    }
  });

  it('gives each run tenants of its own', () => {
    const names = many.flatMap(({ tenants }) => tenants);
    expect(new Set(names).size).toBe(names.length);
  });
});
