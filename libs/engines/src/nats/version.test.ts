import { describe, expect, it } from 'vitest';
import { compareNatsVersions, isRecentEnough, parseNatsVersion } from './version.ts';

describe('parseNatsVersion', () => {
  it.each([
    ['nats-server: v2.15.1\n', [2, 15, 1]],
    ['nats-server: v2.12.0-RC.1', [2, 12, 0]],
    ['nats-server: 2.9.10', [2, 9, 10]],
  ])('reads %j', (output, version) => {
    expect(parseNatsVersion(output)).toEqual(version);
  });
  it.each(['', 'v2.15.1', 'nats-server: v2', 'postgres (PostgreSQL) 18.4', 'not nats-server: v2.15.1'])(
    'does not take %j for a nats-server',
    (output) => {
      expect(parseNatsVersion(output)).toBeNull();
    },
  );
});

describe('isRecentEnough', () => {
  it.each([[[2, 12, 0]], [[2, 15, 1]], [[3, 0, 0]]] as const)('accepts %j', (version) => {
    expect(isRecentEnough(version)).toBe(true);
  });
  it.each([[[2, 9, 10]], [[2, 11, 99]], [[1, 99, 99]]] as const)('refuses %j', (version) => {
    expect(isRecentEnough(version)).toBe(false);
  });
  it('compares numbers, not text', () => {
    expect(compareNatsVersions([2, 9, 10], [2, 12, 0])).toBeLessThan(0);
  });
});
