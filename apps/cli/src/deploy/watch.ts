import { formatInstant, parseInstant, type Span } from '@logline/contracts';
import { LogLineError, type LogLineSDK } from '@logline/sdk';
import type { Context } from '../context.ts';
import { type DeployFact, readFact } from './facts.ts';

export type Watch = {
  readonly subject: string;
  /** Intent family; all when left out. */
  readonly intent?: string;
  /** RFC 3339: facts logged from then on. */
  readonly since: string;
  /** By asking again and again instead of a stream. */
  readonly isPolling?: boolean;
  /** Whether a fact is of interest, and whether it is the last one. */
  readonly wants: (fact: DeployFact, span: Span) => boolean;
  readonly isLast: (fact: DeployFact) => boolean;
  /** Whether it is the last one unless another follows at once: a container that ends as soon as it runs has not come up. */
  readonly isLastSoon?: (fact: DeployFact) => boolean;
};

const SETTLE_MS = 1000;

const POLL_MS = 1000;

/** Prints facts as they are logged, and gives the one that ended the watch; null when it was interrupted or timed out. */
export async function watchFacts(
  context: Context,
  sdk: LogLineSDK,
  watch: Watch,
): Promise<DeployFact | null> {
  const { out, deadline } = context;
  const settled = new AbortController();
  const signal = AbortSignal.any([deadline, settled.signal]);
  let settling: NodeJS.Timeout | undefined;
  let last: DeployFact | null = null;
  const seen = new Set<string>();
  try {
    for await (const span of watch.isPolling === true
      ? poll(sdk, watch, signal)
      : stream(context, sdk, watch, signal)) {
      if (seen.has(span.this)) continue;
      seen.add(span.this);
      const fact = readFact(span, out.style);
      if (!watch.wants(fact, span)) continue;
      out.item(
        {
          event: 'fact',
          intent: span.intent,
          subject: span.subject,
          this: span.this,
          ts: span.ts,
          payload: span.payload ?? {},
        },
        fact.text,
      );
      if (watch.isLast(fact)) return fact;
      clearTimeout(settling);
      last = watch.isLastSoon?.(fact) === true ? fact : null;
      if (last !== null) settling = setTimeout(() => settled.abort(), SETTLE_MS);
      out.live(`waiting (${fact.phase}) …`);
    }
  } finally {
    clearTimeout(settling);
  }
  deadline.throwIfAborted();
  return last;
}

async function* stream(
  context: Context,
  sdk: LogLineSDK,
  { subject, intent, since }: Watch,
  signal: AbortSignal,
): AsyncGenerator<Span> {
  const params = { subject, since, ...(intent === undefined ? {} : { intent }) };
  const onReconnect = (error: unknown): void => {
    context.out.note(
      `stream lost (${error instanceof Error ? error.message : 'no reason given'}), opening it again`,
    );
  };
  for await (const { span } of sdk.events(params, signal, onReconnect)) yield span;
}

async function* poll(
  sdk: LogLineSDK,
  { subject, intent, since }: Watch,
  signal: AbortSignal,
): AsyncGenerator<Span> {
  let cursor: string | undefined;
  while (!signal.aborted) {
    try {
      const page = await sdk.query(
        {
          subject,
          ...(intent === undefined ? {} : { intent }),
          ...(cursor === undefined ? { since } : { cursor }),
        },
        signal,
      );
      yield* page.items;
      cursor = page.cursor ?? cursor;
      if (page.has_more) continue;
    } catch (error) {
      if (!(error instanceof LogLineError) || error.code === 'ABORTED') return;
      // an installation that restarts is asked again; what no retry mends is told
      if (error.status !== undefined && error.status < 500 && error.status !== 429) throw error;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

/** A little before an instant, since two facts may share one. */
export function justBefore(instant: string): string {
  return formatInstant((parseInstant(instant) ?? 0) - 1000);
}
