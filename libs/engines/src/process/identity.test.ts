import { describe, expect, it } from 'vitest';
import { isProcessAlive, parseProcStat } from './identity.ts';

const stat = (state: string, name = 'node') =>
  `42 (${name}) ${state} 1 ${Array.from({ length: 40 }, (_, i) => i + 5).join(' ')}`;

describe('parseProcStat', () => {
  it('reads the start time behind a plain name', () => {
    expect(parseProcStat(stat('S'))).toBe('22');
  });
  it('is not fooled by brackets and spaces in the name', () => {
    expect(parseProcStat(stat('R', 'a) S 1 (b'))).toBe('22');
  });
  it.each(['Z', 'X'])('calls a process in state %s dead', (state) => {
    expect(parseProcStat(stat(state))).toBeNull();
  });
  it.each(['', '42', '42 (x)', '42 (x) S 1'])('takes garbage %j for dead', (text) => {
    expect(parseProcStat(text)).toBeNull();
  });
});

describe('isProcessAlive', () => {
  it.each([0, -1, 1.5, Number.NaN])('says no to the pid %s', (pid) => {
    expect(isProcessAlive(pid)).toBe(false);
  });
});
