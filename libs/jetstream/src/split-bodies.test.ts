import { MAX_ENVELOPE_BYTES } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { splitBodies } from './split-bodies.ts';

describe('splitBodies', () => {
  it.each([
    ['nothing', [], []],
    ['one', [10], [[0, 1]]],
    ['as many as an envelope takes', Array.from({ length: 128 }, () => 10), [[0, 128]]],
    [
      'one more',
      Array.from({ length: 129 }, () => 10),
      [
        [0, 128],
        [128, 129],
      ],
    ],
    [
      'one larger than an envelope, alone',
      [10, MAX_ENVELOPE_BYTES, 10],
      [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
    ],
  ])('%s', (_, lengths, ranges) => {
    expect(splitBodies(lengths).map(({ from, to }) => [from, to])).toEqual(ranges);
  });
  it('keeps 1000 of the largest spans in order and under 512 KiB each', () => {
    const lengths = Array.from({ length: 1000 }, () => 65_535);
    const ranges = splitBodies(lengths);
    expect(ranges[0]?.from).toBe(0);
    expect(ranges.at(-1)?.to).toBe(1000);
    ranges.forEach(({ from, to }, index) => {
      expect((to - from) * 65_535).toBeLessThanOrEqual(MAX_ENVELOPE_BYTES);
      expect(from).toBe(index === 0 ? 0 : ranges[index - 1]?.to);
    });
  });
});
