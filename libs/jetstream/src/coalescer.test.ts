import { MAX_ENVELOPE_BYTES, parseSubmitEnvelope, type SubmitRequest } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { Coalescer } from './coalescer.ts';

const request = (n: number, spans: number = 1, length: number = 2): SubmitRequest => ({
  trace: String(n).padStart(32, '0'),
  reply: 'r',
  tenant: 'acme',
  language: 'en',
  caller: { kind: 'operator' },
  wait_ms: 1,
  spans: Array.from({ length: spans }, (_, position) => ({ position, length })),
});
const bodies = (spans: number, length: number = 2): Uint8Array[] =>
  Array.from({ length: spans }, () => new Uint8Array(length));

/** A `send` whose envelopes are answered by hand. */
function manualSend() {
  const envelopes: {
    readonly traces: number[];
    readonly bytes: number;
    resolve(): void;
    reject(error: Error): void;
  }[] = [];
  const send = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      const traces = parseSubmitEnvelope(bytes).header.requests.map(({ trace }) => Number(trace));
      envelopes.push({ traces, bytes: bytes.length, resolve, reject });
    });
  return { envelopes, send };
}
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

describe('Coalescer', () => {
  it('sends a lone request at once', async () => {
    const { envelopes, send } = manualSend();
    const stored = new Coalescer({ send }).add(request(1), bodies(1));
    await settle();
    expect(envelopes.map(({ traces }) => traces)).toEqual([[1]]);
    envelopes[0]?.resolve();
    await stored;
  });
  it('has one envelope in flight, and puts what waits into the next', async () => {
    const { envelopes, send } = manualSend();
    const coalescer = new Coalescer({ send });
    void coalescer.add(request(1), bodies(1));
    await settle();
    for (const n of [2, 3, 4]) void coalescer.add(request(n), bodies(1));
    await settle();
    expect(envelopes.map(({ traces }) => traces)).toEqual([[1]]);
    envelopes[0]?.resolve();
    await settle();
    expect(envelopes.map(({ traces }) => traces)).toEqual([[1], [2, 3, 4]]);
  });
  it('leaves out what waited until nobody wants it any more, and tells so', async () => {
    const { envelopes, send } = manualSend();
    const coalescer = new Coalescer({ send });
    void coalescer.add(request(1), bodies(1));
    await settle();
    const late = coalescer.add(request(2), bodies(1), Date.now() - 1);
    void coalescer.add(request(3), bodies(1), Date.now() + 60_000);
    envelopes[0]?.resolve();
    await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await settle();
    expect(envelopes.map(({ traces }) => traces)).toEqual([[1], [3]]);
  });
  it('puts no more than 128 spans into an envelope, and never splits a request', async () => {
    const { envelopes, send } = manualSend();
    const coalescer = new Coalescer({ send });
    for (const [n, spans] of [
      [1, 100],
      [2, 28],
      [3, 1],
      [4, 128],
    ] as const)
      void coalescer.add(request(n, spans), bodies(spans));
    for (let turn = 0; turn < 4; turn++) {
      await settle();
      envelopes[turn]?.resolve();
    }
    expect(envelopes.map(({ traces }) => traces)).toEqual([[1, 2], [3], [4]]);
  });
  it('keeps envelopes under 512 KiB', async () => {
    const { envelopes, send } = manualSend();
    const coalescer = new Coalescer({ send });
    for (let n = 0; n < 20; n++) void coalescer.add(request(n, 1, 60_000), bodies(1, 60_000));
    for (let turn = 0; turn < 20; turn++) {
      await settle();
      envelopes[turn]?.resolve();
    }
    expect(envelopes.flatMap(({ traces }) => traces)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(Math.max(...envelopes.map(({ bytes }) => bytes))).toBeLessThanOrEqual(MAX_ENVELOPE_BYTES);
  });
  it('tells each request how its own envelope fared', async () => {
    const { envelopes, send } = manualSend();
    const coalescer = new Coalescer({ send });
    const first = coalescer.add(request(1), bodies(1));
    await settle();
    const second = coalescer.add(request(2), bodies(1));
    envelopes[0]?.reject(new Error('no'));
    await expect(first).rejects.toThrow('no');
    await settle();
    envelopes[1]?.resolve();
    await expect(second).resolves.toBeUndefined();
  });
  it('refuses more than may wait', async () => {
    const { send } = manualSend();
    const coalescer = new Coalescer({ send, maxWaiting: 2 });
    void coalescer.add(request(0), bodies(1));
    await settle();
    void coalescer.add(request(1), bodies(1));
    void coalescer.add(request(2), bodies(1));
    await expect(coalescer.add(request(3), bodies(1))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    const small = new Coalescer({ send, maxWaitingBytes: 100 });
    await expect(small.add(request(1, 1, 1000), bodies(1, 1000))).rejects.toMatchObject({
      code: 'QUEUE_FULL',
    });
  });
});
