import { describe, expect, it } from 'vitest';
import { parseMountsBelow } from './mounts.ts';

const line = (point: string) => `36 35 98:0 / ${point} rw,noatime master:1 - ext3 /dev/root rw`;

describe('parseMountsBelow', () => {
  it('finds the directory itself and all below it, deepest first', () => {
    const info = ['/', '/d', '/d/a', '/d/a/b', '/dx', '/x/d'].map(line).join('\n');
    expect(parseMountsBelow(info, '/d')).toEqual(['/d/a/b', '/d/a', '/d']);
  });
  it('reads blanks in a name', () => {
    expect(parseMountsBelow(line('/d/a\\040b'), '/d')).toEqual(['/d/a b']);
  });
  it('finds nothing in garbage', () => {
    expect(parseMountsBelow('\n\nx y\n', '/d')).toEqual([]);
  });
});
