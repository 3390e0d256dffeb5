import { describe, expect, it } from 'vitest';
import { Pace } from './pace.ts';

/** When turns begin that are wanted at these times, each as soon as the one before it has begun. */
function begins(pace: Pace, wanted: readonly number[]): number[] {
  const begun: number[] = [];
  for (const at of wanted) {
    const nowMs = Math.max(at, begun.at(-1) ?? 0);
    begun.push(nowMs + pace.begin(nowMs));
  }
  return begun;
}

describe('a pace', () => {
  it('lets a burst begin at once, and then one turn after the other', () => {
    const pace = new Pace({ perSecond: 20, burst: 3 });
    expect(begins(pace, [0, 0, 0, 0, 0, 0])).toEqual([0, 0, 0, 50, 100, 150]);
  });

  it('keeps nobody waiting who comes less often', () => {
    const pace = new Pace({ perSecond: 20, burst: 1 });
    const wanted = Array.from({ length: 100 }, (_, nth) => nth * 50);
    expect(begins(pace, wanted)).toEqual(wanted);
  });

  it('saves no more than a burst, however long the rest', () => {
    const pace = new Pace({ perSecond: 10, burst: 2 });
    expect(begins(pace, [0, 0, 60_000, 60_000, 60_000])).toEqual([0, 0, 60_000, 60_000, 60_100]);
  });

  it('counts the time a turn takes', () => {
    const pace = new Pace({ perSecond: 10, burst: 1 });
    expect(begins(pace, [0, 30, 250, 260])).toEqual([0, 100, 250, 350]);
  });
});
