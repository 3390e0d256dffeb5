import { describe, expect, it, vi } from 'vitest';
import { Readiness } from './readiness.ts';

const running = (): Readiness => {
  const readiness = new Readiness();
  readiness.markRunning();
  return readiness;
};

describe('Readiness', () => {
  it('is not ready before it runs, is while every part says so, and never again once it stops', async () => {
    const readiness = new Readiness();
    expect(await readiness.report()).toEqual({ ready: false, checks: { process: 'starting' }, state: {} });
    readiness.markRunning();
    expect(await readiness.report()).toEqual({ ready: true, checks: { process: 'ok' }, state: {} });
    readiness.markStopping();
    readiness.markRunning();
    expect(await readiness.report()).toEqual({ ready: false, checks: { process: 'stopping' }, state: {} });
  });
  it('says which part is not, and why', async () => {
    const readiness = running();
    readiness.add('nats', () => true);
    readiness.add('lease', async () => 'standby');
    expect(await readiness.report()).toEqual({
      ready: false,
      checks: { process: 'ok', nats: 'ok', lease: 'standby' },
      state: {},
    });
  });
  it('takes a check that throws for a no, without its words', async () => {
    const readiness = running();
    readiness.add('a', () => {
      throw new Error('postgres://user:password@host');
    });
    readiness.add('b', () => Promise.reject(new Error('secret')));
    expect(await readiness.report()).toEqual({
      ready: false,
      checks: { process: 'ok', a: 'failed', b: 'failed' },
      state: {},
    });
  });
  it('tells beside it what is no reason against', async () => {
    const readiness = running();
    readiness.state('lease', () => 'standby');
    expect(await readiness.report()).toEqual({
      ready: true,
      checks: { process: 'ok' },
      state: { lease: 'standby' },
    });
  });
  it('does not wait for a check that never answers', async () => {
    vi.useFakeTimers();
    const readiness = running();
    readiness.add('stuck', () => new Promise<true>(() => undefined));
    const report = readiness.report();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await report).toEqual({ ready: false, checks: { process: 'ok', stuck: 'no answer' }, state: {} });
    vi.useRealTimers();
  });
});
