import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CoverWaiters } from '../witness/cover-waiters.ts';
import { ReceiptHold } from './receipt-hold.ts';
import type { Answer } from './turn.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const waiters = () => {
  const cover = new CoverWaiters();
  return {
    cover,
    covers: ({ tenant }: { tenant: string }, size: number) => cover.covered(tenant) >= size,
    untilCovered: (tenant: string, size: number, signal: AbortSignal) => cover.wait(tenant, size, signal),
  };
};

const receipt = (index: number) => ({
  ts: '',
  hash: '',
  signature: '',
  merkle: '',
  this: `span-${index}`,
  log: 'logs.test/acme',
  index,
});

/** An answer with receipts of these indexes; null for an ack without one. */
function answerOf(indexes: readonly (number | null)[]): Answer {
  const acks = indexes.map((index) =>
    index === null
      ? undefined
      : ({ status: 'ok', this: `span-${index}`, trace_id: 't', receipt: receipt(index) } as const),
  );
  const request = {
    tenant: 'acme',
    deadline_ms: 1_000,
    trace: 't',
    reply: '_',
    language: 'en',
    attempt: 0,
    spans: [],
  };
  // as much of a request as is looked at
  return { request: request as unknown as Answer['request'], outcomes: [], acks };
}

describe('a held receipt', () => {
  it('is given out when a quorum covers the last of them, and not before', async () => {
    const witnesses = waiters();
    const hold = new ReceiptHold(witnesses, (tenant) => tenant, Date.now);
    const answer = answerOf([3, 5, null]);
    let released: Answer | undefined;
    void hold.hold(answer, new AbortController().signal)?.then((given) => (released = given));
    expect(hold.held).toBe(1);
    witnesses.cover.cover('acme', 5);
    witnesses.cover.cover('umbra', 100);
    await vi.advanceTimersByTimeAsync(1);
    expect(released).toBeUndefined();
    witnesses.cover.cover('acme', 6);
    await vi.advanceTimersByTimeAsync(1);
    expect(released).toBe(answer);
    expect(hold.held).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not one when it is covered already, or when there is none', () => {
    const witnesses = waiters();
    const hold = new ReceiptHold(witnesses, (tenant) => tenant, Date.now);
    witnesses.cover.cover('acme', 6);
    expect(hold.hold(answerOf([5]), new AbortController().signal)).toBeUndefined();
    expect(hold.hold(answerOf([null]), new AbortController().signal)).toBeUndefined();
  });

  it('becomes a 503 without a receipt shortly before the deadline', async () => {
    const hold = new ReceiptHold(waiters(), (tenant) => tenant, Date.now);
    const held = hold.hold(answerOf([5, null]), new AbortController().signal);
    await vi.advanceTimersByTimeAsync(900);
    expect((await held)?.acks).toMatchObject([
      { status: 'invalid', code: '503_UNAVAILABLE', this: 'span-5' },
      undefined,
    ]);
    expect(hold.held).toBe(0);
  });

  it('is left to the next leader when this one stops', async () => {
    const hold = new ReceiptHold(waiters(), (tenant) => tenant, Date.now);
    const stopping = new AbortController();
    const held = hold.hold(answerOf([5]), stopping.signal);
    stopping.abort();
    await expect(held).rejects.toMatchObject({ code: 'NOT_LEADING' });
    expect(hold.held).toBe(0);
  });
});
