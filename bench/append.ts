import { cpuPerSpan, readCpuTimes } from './load/cpu.ts';
import { driveInFlight, drivePaced, percentile } from './load/drive.ts';
import { prepareRequests } from './load/signed-requests.ts';
import { bearBenchTenant, settle, type BenchTenant } from './load/tenant.ts';

const IN_FLIGHT = 64;
const BATCH_SPANS = 100;
const BATCHES_IN_FLIGHT = 8;
const PACED_PER_S = 300;

export type AppendFigures = {
  readonly receipts_per_s: number;
  readonly append_p50_ms: number;
  readonly append_p99_ms: number;
  readonly receipts_checked: number;
  readonly batch_spans_per_s: number;
  /** Entries of the log, each with a receipt of its own: a span's and its verdict's. From the log's own size. */
  readonly entries_per_s: number;
  readonly batch_entries_per_s: number;
  /** How long after the last answer of the first of these the views still moved: what readers of facts were behind. */
  readonly views_behind_ms: number;
  readonly latency_p50_ms: number;
  readonly latency_p99_ms: number;
  readonly cpu_us_per_span: Readonly<Record<string, number>>;
};

type AppendOptions = { readonly seconds: number; readonly say: (line: string) => void };

/**
 * Receipts over HTTP, by requests made and signed beforehand; request signature and span signature are both checked by the system, and by the load
 * generator one receipt in a hundred. Every span applies a manifest, so with it commits the gate's signed verdict: two entries a receipt.
 */
export async function measureAppend(home: string, { seconds, say }: AppendOptions): Promise<AppendFigures> {
  const tenant = await bearBenchTenant(home, `bench-${Date.now().toString(36)}`);
  await warmUp(tenant, say);

  say('one span a request …');
  const singles = prepareRequests(tenant, seconds * 3_500, 1);
  const start = await settle(tenant);
  const before = await readCpuTimes(home);
  const one = await driveInFlight(tenant, singles, { inFlight: IN_FLIGHT, seconds });
  const between = await settle(tenant);
  const cpu = cpuPerSpan(before, await readCpuTimes(home), one.spans);
  say(
    `${perSecond(one)} receipts/s, one span a request, ${IN_FLIGHT} in flight; p50 ${percentile(one, 0.5)} ms, p99 ${percentile(one, 0.99)} ms`,
  );

  say(`${BATCH_SPANS} spans a request …`);
  const batches = prepareRequests(tenant, Math.ceil((seconds * 10_000) / BATCH_SPANS), BATCH_SPANS);
  const many = await driveInFlight(tenant, batches, { inFlight: BATCHES_IN_FLIGHT, seconds });
  const end = await settle(tenant);
  say(`${perSecond(many)} spans/s, ${BATCH_SPANS} a request, ${BATCHES_IN_FLIGHT} requests in flight`);

  const paced = prepareRequests(tenant, PACED_PER_S * seconds, 1);
  const steady = await drivePaced(tenant, paced, { perSecond: PACED_PER_S, connections: IN_FLIGHT });
  say(`at ${PACED_PER_S} requests/s: p50 ${percentile(steady, 0.5)} ms, p99 ${percentile(steady, 0.99)} ms`);
  return {
    receipts_per_s: perSecond(one),
    append_p50_ms: percentile(one, 0.5),
    append_p99_ms: percentile(one, 0.99),
    receipts_checked: one.verified + many.verified + steady.verified,
    batch_spans_per_s: perSecond(many),
    entries_per_s: Math.round((between.size - start.size) / one.elapsedS),
    views_behind_ms: Math.round(between.afterMs),
    batch_entries_per_s: Math.round((end.size - between.size) / many.elapsedS),
    latency_p50_ms: percentile(steady, 0.5),
    latency_p99_ms: percentile(steady, 0.99),
    cpu_us_per_span: cpu,
  };
}

/** Every process has compiled what it will run, before anything is counted. */
async function warmUp(tenant: BenchTenant, say: (line: string) => void): Promise<void> {
  say('warming up …');
  const requests = prepareRequests(tenant, 6_000, 1);
  await driveInFlight(tenant, requests, { inFlight: IN_FLIGHT, seconds: 6 });
}

function perSecond({ spans, elapsedS }: { readonly spans: number; readonly elapsedS: number }): number {
  return Math.round(spans / elapsedS);
}
