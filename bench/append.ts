import { cpuPerSpan, readCpuTimes } from './load/cpu.ts';
import { driveInFlight, drivePaced, percentile, type Driven } from './load/drive.ts';
import { prepareRequests, type SpanKind } from './load/signed-requests.ts';
import { bearBenchTenant, settle, type BenchTenant } from './load/tenant.ts';

const IN_FLIGHT = 64;
const BATCH_SPANS = 100;
const BATCHES_IN_FLIGHT = 8;
const PACED_PER_S = 300;

type LoadFigures = {
  /** Requests answered with a receipt, one span each, 64 in flight. */
  readonly receipts_per_s: number;
  /** Entries that the log grew by in that time: all that was logged, verdicts too. */
  readonly entries_per_s: number;
  readonly append_p50_ms: number;
  readonly append_p99_ms: number;
  /** How long after the last answer the views still moved: what readers of facts were behind. */
  readonly views_behind_ms: number;
  readonly batch_spans_per_s: number;
  readonly batch_entries_per_s: number;
  /** At 300 requests a second, counted from when each was due. */
  readonly latency_p50_ms: number;
  readonly latency_p99_ms: number;
  /** By process, one span a request; what readers of facts did for it until they stood still included. */
  readonly cpu_us_per_span: Readonly<Record<string, number>>;
  readonly receipts_checked: number;
};

/** Of the lightest span, and under `apply` the same of the heaviest one. */
export type AppendFigures = LoadFigures & { readonly apply: LoadFigures };

type AppendOptions = {
  /** Of each figure. */
  readonly seconds: number;
  /** Before single requests, and before large ones. */
  readonly warmUpS: { readonly singles: number; readonly batches: number };
  readonly say: (line: string) => void;
};

/**
 * Receipts over HTTP, by requests made and signed beforehand; request signature and span signature are both checked by the system, and by the load
 * generator one receipt in a hundred.
 */
export async function measureAppend(home: string, options: AppendOptions): Promise<AppendFigures> {
  const plain = await measureLoad(home, 'plain', options);
  return { ...plain, apply: await measureLoad(home, 'apply', options) };
}

async function measureLoad(
  home: string,
  kind: SpanKind,
  { seconds, warmUpS, say }: AppendOptions,
): Promise<LoadFigures> {
  const tenant = await bearBenchTenant(home, `bench-${kind}-${Date.now().toString(36)}`);
  say(`${kind} spans: warming up …`);
  await warmUp(tenant, kind, 'singles', warmUpS.singles);

  const singles = prepareRequests(tenant, { kind, requests: seconds * 3_500, spansPerRequest: 1 });
  const start = await settle(tenant);
  const before = await readCpuTimes(home);
  const one = await driveInFlight(tenant, singles, { inFlight: IN_FLIGHT, seconds });
  const between = await settle(tenant);
  const cpu = cpuPerSpan(before, await readCpuTimes(home), one.spans);
  say(
    `${perSecond(one)} receipts/s, one span a request, ${IN_FLIGHT} in flight; p50 ${percentile(one, 0.5)} ms, p99 ${percentile(one, 0.99)} ms`,
  );

  await warmUp(tenant, kind, 'batches', warmUpS.batches);
  const rested = await settle(tenant);
  const batches = prepareRequests(tenant, {
    kind,
    requests: Math.ceil((seconds * 10_000) / BATCH_SPANS),
    spansPerRequest: BATCH_SPANS,
  });
  const many = await driveInFlight(tenant, batches, { inFlight: BATCHES_IN_FLIGHT, seconds });
  const end = await settle(tenant);
  say(`${perSecond(many)} spans/s, ${BATCH_SPANS} a request, ${BATCHES_IN_FLIGHT} requests in flight`);

  const paced = prepareRequests(tenant, { kind, requests: PACED_PER_S * seconds, spansPerRequest: 1 });
  const steady = await drivePaced(tenant, paced, { perSecond: PACED_PER_S, connections: IN_FLIGHT });
  say(`at ${PACED_PER_S} requests/s: p50 ${percentile(steady, 0.5)} ms, p99 ${percentile(steady, 0.99)} ms`);
  return {
    receipts_per_s: perSecond(one),
    entries_per_s: Math.round((between.size - start.size) / one.elapsedS),
    append_p50_ms: percentile(one, 0.5),
    append_p99_ms: percentile(one, 0.99),
    views_behind_ms: Math.round(between.afterMs),
    batch_spans_per_s: perSecond(many),
    batch_entries_per_s: Math.round((end.size - rested.size) / many.elapsedS),
    latency_p50_ms: percentile(steady, 0.5),
    latency_p99_ms: percentile(steady, 0.99),
    cpu_us_per_span: cpu,
    receipts_checked: one.verified + many.verified + steady.verified,
  };
}

/**
 * Every process has compiled what it will run before anything is counted: that takes V8 some ten seconds of work in each of nine processes, and twice that
 * where a few large requests come instead of many small ones.
 */
async function warmUp(
  tenant: BenchTenant,
  kind: SpanKind,
  what: 'singles' | 'batches',
  seconds: number,
): Promise<void> {
  const [perSecond, spansPerRequest, inFlight] =
    what === 'singles' ? [2_500, 1, IN_FLIGHT] : [60, BATCH_SPANS, BATCHES_IN_FLIGHT];
  const requests = prepareRequests(tenant, { kind, requests: seconds * perSecond, spansPerRequest });
  await driveInFlight(tenant, requests, { inFlight, seconds });
}

function perSecond({ spans, elapsedS }: Driven): number {
  return Math.round(spans / elapsedS);
}
