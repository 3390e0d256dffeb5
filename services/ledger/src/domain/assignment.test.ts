import { describe, expect, it } from 'vitest';
import { belongsTo } from './assignment.ts';

describe('a tenant', () => {
  it('with a log is where its log is, whatever the number of partitions', () => {
    for (const partition of [0, 1, 2])
      expect(belongsTo('acme', { partition, partitions: 1, stored: 7 })).toBe(7);
  });

  it('without one is spread by the first partition, and taken by any other', () => {
    const homes = Array.from({ length: 400 }, (_, nth) =>
      belongsTo(`tenant-${nth}`, { partition: 0, partitions: 4, stored: undefined }),
    );
    for (const home of [0, 1, 2, 3]) expect(homes.filter((one) => one === home).length).toBeGreaterThan(60);
    expect(belongsTo('acme', { partition: 3, partitions: 4, stored: undefined })).toBe(3);
    expect(belongsTo('acme', { partition: 0, partitions: 1, stored: undefined })).toBe(0);
  });
});
