import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { runStopSteps } from './shutdown.ts';

const log = pino({ level: 'silent' });

describe('runStopSteps', () => {
  it('runs one after the other, in the order given', async () => {
    const order: string[] = [];
    const step = (name: string) =>
      [name, async () => (await Promise.resolve(), void order.push(name))] as const;
    expect(await runStopSteps([step('intake'), step('lease'), step('close')], 1_000, log)).toBe(true);
    expect(order).toEqual(['intake', 'lease', 'close']);
  });
  it('gives the lease back although the step before failed, and is not clean', async () => {
    const order: string[] = [];
    const isClean = await runStopSteps(
      [
        ['intake', () => Promise.reject(new Error('no'))],
        ['lease', () => void order.push('lease')],
      ],
      1_000,
      log,
    );
    expect(isClean).toBe(false);
    expect(order).toEqual(['lease']);
  });
  it('gives up when it takes too long', async () => {
    expect(await runStopSteps([['stuck', () => new Promise(() => undefined)]], 20, log)).toBe(false);
  });
});
