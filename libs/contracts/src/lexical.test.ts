import { describe, expect, it } from 'vitest';
import { formatInstant, hasScope, parseDuration, parseInstant } from './lexical.ts';

describe('durations', () => {
  it.each([
    ['P30D', 30 * 86_400_000],
    ['PT15M', 900_000],
    ['PT1H2M3S', 3_723_000],
    ['PT90S', 90_000],
    ['P0D', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
  it.each(['', 'P', 'PT', 'P1Y', 'P1M', 'P1DT1H', 'PT1.5S', 'P-1D', '30D', 'PT1S1M'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );
});

describe('instants', () => {
  it('come back from their text', () => {
    expect(parseInstant('2026-02-28T23:59:59Z')).toBe(Date.UTC(2026, 1, 28, 23, 59, 59));
    expect(parseInstant(formatInstant(1_700_000_000_123))).toBe(1_700_000_000_123);
  });
  it.each([
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00+00:00',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:00.1Z',
    ' 2026-01-01T00:00:00Z',
  ])('%j is none', (text) => {
    expect(parseInstant(text)).toBeNull();
  });
  it('are what Date makes of them, on every day that there is', () => {
    const pad = (value: number, digits: number): string => String(value).padStart(digits, '0');
    for (const year of [0, 4, 99, 100, 400, 1900, 1970, 2000, 2024, 2026, 2100, 9999]) {
      for (let month = 1; month <= 12; month += 1) {
        for (let day = 1; day <= 31; day += 1) {
          const date = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
          const text = `${date}T23:59:58.${pad((day * 37) % 1000, 3)}Z`;
          const ms = Date.parse(text);
          const isReal = new Date(ms).toISOString().startsWith(date);
          expect([text, parseInstant(text)]).toEqual([text, isReal ? ms : null]);
        }
      }
    }
  });
});

describe('scopes', () => {
  it('a family covers its members, the star covers all, a member covers itself', () => {
    expect(hasScope(['deploy:*'], 'deploy:apply')).toBe(true);
    expect(hasScope(['*'], 'registry:key')).toBe(true);
    expect(hasScope(['deploy:apply'], 'deploy:apply')).toBe(true);
    expect(hasScope(['deploy:apply'], 'deploy:stop')).toBe(false);
    expect(hasScope(['deploys:*'], 'deploy:apply')).toBe(false);
    expect(hasScope([], 'deploy:apply')).toBe(false);
  });
});
