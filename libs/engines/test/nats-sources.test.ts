import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NATS_SOURCES } from '../src/nats/fetch.ts';
import { isRecentEnough, readNatsVersion } from '../src/nats/version.ts';
import { makeScratchDir, removeScratchDir } from './scratch-dir.ts';

/** Compiling takes a minute of all cores: only when asked for. */
const IS_THOROUGH = process.env['LOGLINE_THOROUGH'] === '1';

describe.each(NATS_SOURCES)('$name', ({ name, fetch }) => {
  let dir: string;
  beforeEach(() => {
    dir = makeScratchDir();
  });
  afterEach(() => removeScratchDir(dir));

  it('leads to a nats-server that is new enough, or says why not', { timeout: 900_000 }, async ({ skip }) => {
    if (name.startsWith('go ') && !IS_THOROUGH) return skip('takes long: set LOGLINE_THOROUGH=1');
    const answer = await fetch(dir);
    if ('why' in answer) return skip(answer.why);
    const version = await readNatsVersion(answer.path);
    expect(version !== null && isRecentEnough(version)).toBe(true);
  });
});
