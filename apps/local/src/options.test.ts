import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';

describe('options of npm start', () => {
  it('are off unless asked for', () => {
    expect(parseOptions([])).toEqual({
      command: 'start',
      once: false,
      json: false,
      detach: false,
      install: true,
      job: true,
    });
    expect(parseOptions(['start', '--once', '--json', '--detach', '--no-install', '--no-job'])).toEqual({
      command: 'start',
      once: true,
      json: true,
      detach: true,
      install: false,
      job: false,
    });
    expect(parseOptions(['stop']).command).toBe('stop');
  });

  it.each([['--twice'], ['restart'], ['--once=yes']])('refuse %s with a word about it', (arg) => {
    expect(() => parseOptions([arg])).toThrowError(TypeError);
  });
});
