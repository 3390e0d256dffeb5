import type { Ack, AckOk } from '@logline/contracts';
import { LogLineError, type LogLineSDK, type SignedSpan } from '@logline/sdk';
import { AckError } from './ack-error.ts';
import type { Context } from './context.ts';
import { takeReceipt, type TakenReceipt } from './receipts/take.ts';

export type SpanDraft = {
  readonly intent: string;
  readonly subject: string;
  readonly payload: Readonly<Record<string, unknown>>;
};

/** A span that became a fact, with its receipt verified and kept. */
export type Submitted = {
  readonly signed: SignedSpan;
  readonly receipt: TakenReceipt;
  /** The verdict that committed with it, where its intent has one. */
  readonly verdict: AckOk['verdict'];
  readonly isReplayed: boolean;
};

/**
 * Signs a span, sends it, and verifies the receipt before anybody is told that it worked.
 *
 * @throws AckError when the gate or the ledger said no; CliError `NOT_VERIFIED` when the receipt does not hold; LogLineError
 */
export async function submit(context: Context, sdk: LogLineSDK, draft: SpanDraft): Promise<Submitted> {
  return await submitSigned(context, sdk, await sdk.sign(draft));
}

export async function submitSigned(
  context: Context,
  sdk: LogLineSDK,
  signed: SignedSpan,
): Promise<Submitted> {
  const ack = await appendOne(sdk, signed);
  if (ack.status === 'ok') {
    const receipt = await takeReceipt(context, sdk, signed, ack.receipt);
    return { signed, receipt, verdict: ack.verdict, isReplayed: ack.replayed === true };
  }
  const logged = ack.status === 'invalid' && ack.receipt?.this === signed.span.this ? ack.receipt : undefined;
  const kept = logged === undefined ? undefined : await takeReceipt(context, sdk, signed, logged);
  // a conflict with our own earlier attempt is that attempt's success (protocol §8)
  if (kept !== undefined && ack.http_status === 409)
    return { signed, receipt: kept, verdict: undefined, isReplayed: true };
  throw new AckError(ack);
}

async function appendOne(sdk: LogLineSDK, signed: SignedSpan): Promise<Ack> {
  try {
    const [ack] = await sdk.appendSigned([signed]);
    if (ack !== undefined) return ack;
  } catch (error) {
    if (error instanceof LogLineError && error.ack !== undefined) return error.ack;
    throw error;
  }
  throw new Error('the gateway answered no ack');
}
