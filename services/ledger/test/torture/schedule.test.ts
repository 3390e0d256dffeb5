import { describe, expect, it } from 'vitest';
import { isWitnessed, scheduleOf, stepOf, TRAFFIC } from './schedule.ts';
import { isListed, keyOf, STEPS, WITNESS_STEPS } from './steps-of.ts';

const many = Array.from({ length: 1_000 }, (_, at) => scheduleOf(123_456 + at));

describe('a schedule', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(scheduleOf(7)).toEqual(scheduleOf(7));
    expect(scheduleOf(7)).not.toEqual(scheduleOf(8));
  });

  it('does what the list says to every step within a thousand seeds in a row', () => {
    const hits = many.flatMap(({ rounds }) =>
      rounds.flatMap(({ faults }) =>
        faults.flatMap((fault) => (fault.kind === 'hit' ? [`${fault.action}: ${fault.step}`] : [])),
      ),
    );
    for (const step of [...STEPS, ...WITNESS_STEPS])
      expect(hits.filter((hit) => hit === keyOf(step)).length, keyOf(step)).toBeGreaterThanOrEqual(3);
  });

  it('brings the trouble without which its step would not pass', () => {
    const troubled = many.filter(({ seed }) => stepOf(seed).beside !== undefined);
    expect(troubled.length).toBeGreaterThan(10);
    for (const { seed, rounds } of troubled) {
      const kinds = rounds.flatMap(({ faults }) => faults.map(({ kind }) => kind));
      expect(kinds).toContain(stepOf(seed).beside === 'contend' ? 'contend' : 'line');
    }
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
      'move',
      'nats',
      'plain kill',
      'postgres',
      'witness',
    ]);
  });

  it('brings the traffic without which its step would not pass', () => {
    expect(many).toHaveLength(1_000);
    for (const { seed, rounds } of many) {
      const step = stepOf(seed);
      const kinds = rounds.flatMap(({ traffic }) => traffic.map(({ what }) => what));
      if (step.wants === 'key') expect(kinds).toContain('key');
      if (step.wants === 'stale') expect(kinds).toContain('stale');
    }
  });

  it('names each thing once, and knows that a read is sent as well', () => {
    const all = [...STEPS, ...WITNESS_STEPS];
    expect(new Set(all.map(keyOf)).size).toBe(all.length);
    expect(isListed('pg find_known sent')).toBe(true);
    expect(isListed('pg find_known asked')).toBe(false);
  });

  it('breaks a witness where there is one, in a quarter of the runs, and nowhere else', () => {
    const witnessed = many.filter(({ seed }) => isWitnessed(seed));
    expect(witnessed.length).toBeGreaterThan(200);
    expect(witnessed.length).toBeLessThan(300);
    const ofWitness = new Set(WITNESS_STEPS.map(({ name }) => name));
    const broken = many.filter(({ rounds }) =>
      rounds.some(({ faults }) =>
        faults.some(
          (fault) => fault.kind === 'witness' || (fault.kind === 'hit' && ofWitness.has(fault.step)),
        ),
      ),
    );
    expect(broken.length).toBeGreaterThan(100);
    expect(broken.filter(({ seed }) => !isWitnessed(seed))).toEqual([]);
  });

  it('gives each run tenants of its own', () => {
    const names = many.flatMap(({ tenants }) => tenants);
    expect(new Set(names).size).toBe(names.length);
  });
});
