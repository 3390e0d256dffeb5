import { parseHex } from '@logline/canon-sign';
import { verifyReceipt } from '@logline/tlog';
import { HttpConnection } from './http-connection.ts';
import type { PreparedRequest } from './signed-requests.ts';
import type { BenchTenant } from './tenant.ts';

/** One receipt in a hundred is verified; the load generator runs on the same machine. */
const VERIFY_EVERY = 100;

export type Driven = {
  readonly spans: number;
  readonly elapsedS: number;
  /** Of requests, ascending. From a paced drive: counted from when the request was due, however late it left. */
  readonly latenciesMs: readonly number[];
  readonly verified: number;
};

/** As many requests in flight all the time as there are connections, until there are no more or the time is over. */
export async function driveInFlight(
  tenant: BenchTenant,
  requests: readonly PreparedRequest[],
  { inFlight, seconds }: { readonly inFlight: number; readonly seconds: number },
): Promise<Driven> {
  const receipts = new ReceiptCheck(tenant);
  const latenciesMs: number[] = [];
  const connections = await openAll(tenant.baseUrl, inFlight);
  let next = 0;
  const start = performance.now();
  const endsAt = start + seconds * 1000;
  await Promise.all(
    connections.map(async (connection) => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const sentAt = performance.now();
        if (sentAt >= endsAt) return;
        receipts.take(request, await connection.send(request.bytes));
        latenciesMs.push(performance.now() - sentAt);
      }
    }),
  );
  const elapsedS = (performance.now() - start) / 1000;
  for (const connection of connections) connection.close();
  return receipts.driven(elapsedS, latenciesMs);
}

/** Requests at a steady rate, whatever becomes of them: one that must wait for a free connection waits at its own cost. */
export async function drivePaced(
  tenant: BenchTenant,
  requests: readonly PreparedRequest[],
  { perSecond, connections: count }: { readonly perSecond: number; readonly connections: number },
): Promise<Driven> {
  const receipts = new ReceiptCheck(tenant);
  const latenciesMs: number[] = [];
  const connections = await openAll(tenant.baseUrl, count);
  const free = [...connections];
  const waiting: { readonly request: PreparedRequest; readonly dueAt: number }[] = [];
  const running = new Set<Promise<void>>();
  const start = performance.now();
  const sendNext = (): void => {
    while (waiting.length > 0 && free.length > 0) {
      const { request, dueAt } = waiting.shift() ?? { request: undefined, dueAt: 0 };
      const connection = free.pop();
      if (request === undefined || connection === undefined) return;
      const sending = connection
        .send(request.bytes)
        .then((answer) => {
          latenciesMs.push(performance.now() - dueAt);
          receipts.take(request, answer);
          free.push(connection);
        })
        .finally(() => {
          running.delete(sending);
          sendNext();
        });
      running.add(sending);
    }
  };
  let sent = 0;
  while (sent < requests.length) {
    const due = Math.min(requests.length, Math.floor(((performance.now() - start) * perSecond) / 1000));
    for (; sent < due; sent += 1) {
      const request = requests[sent];
      if (request !== undefined) waiting.push({ request, dueAt: start + (sent * 1000) / perSecond });
    }
    sendNext();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  while (running.size > 0 || waiting.length > 0) await Promise.race(running);
  for (const connection of connections) connection.close();
  return receipts.driven((performance.now() - start) / 1000, latenciesMs);
}

/** The latency that this share of the requests stayed under, milliseconds. */
export function percentile({ latenciesMs }: Driven, share: number): number {
  const value = latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))];
  return Math.round((value ?? Number.NaN) * 10) / 10;
}

async function openAll(url: URL, count: number): Promise<HttpConnection[]> {
  return await Promise.all(Array.from({ length: count }, () => HttpConnection.open(url)));
}

/** Whatever is not a receipt for each span ends the bench. */
class ReceiptCheck {
  readonly #tenant: BenchTenant;
  #spans = 0;
  #verified = 0;

  constructor(tenant: BenchTenant) {
    this.#tenant = tenant;
  }

  take(request: PreparedRequest, { status, body }: { readonly status: number; readonly body: Buffer }): void {
    if (status !== 200) throw new Error(`refused with ${status}: ${body.toString().slice(0, 2000)}`);
    const before = this.#spans;
    this.#spans += request.spans.length;
    if (Math.floor(before / VERIFY_EVERY) === Math.floor(this.#spans / VERIFY_EVERY)) return;
    const acks = JSON.parse(body.toString());
    if (acks.length !== request.spans.length) throw new Error('an ack is missing');
    const [spanBytes = parseHex('')] = request.spans;
    verifyReceipt({ receipt: acks[0].receipt, spanBytes, vkeys: [this.#tenant.logKey] });
    this.#verified += 1;
  }

  driven(elapsedS: number, latenciesMs: number[]): Driven {
    latenciesMs.sort((a, b) => a - b);
    return { spans: this.#spans, elapsedS, latenciesMs, verified: this.#verified };
  }
}
