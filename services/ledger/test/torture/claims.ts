import type { Ack, CanonicalCode, Receipt } from '@logline/contracts';
import type { SignedSpan } from '@logline/testing';
import type { Judged } from '../fake-gate.ts';

/** What must never be. The message says what, in words that make sense beside the story of the run. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** A span that a client sends, and all that it has been told about it. */
export type Claim = {
  readonly tenant: string;
  readonly judged: Judged;
  /** The canonical codes that are an answer to it, besides ok; `503_UNAVAILABLE` always is. */
  readonly mayBe: readonly CanonicalCode[];
  /** Envelopes sent with it. */
  attempts: number;
  /** How many of them were answered by a no that says: not committed. */
  noes: number;
  /** The last answer was a no that asks for no other attempt. */
  isRefused: boolean;
  /** As first given. Never changes. */
  receipt: Receipt | undefined;
  /** How often it was given. */
  confirmed: number;
  /** Receipts of other spans it was shown. */
  readonly shown: Receipt[];
};

export function claimOf(tenant: string, judged: Judged, mayBe: readonly CanonicalCode[] = []): Claim {
  return {
    tenant,
    judged,
    mayBe,
    attempts: 0,
    noes: 0,
    isRefused: false,
    receipt: undefined,
    confirmed: 0,
    shown: [],
  };
}

export const isSettled = (claim: Claim): boolean => claim.receipt !== undefined || claim.isRefused;

export const spanOf = ({ judged }: Claim): SignedSpan => judged.cause;

/** Books an answer. @throws Violation for one that must not be given */
export function book(claim: Claim, ack: Ack): void {
  const { span } = claim.judged.cause;
  const about = `${claim.tenant} ${span.this}`;
  if (ack.this !== undefined && ack.this !== span.this)
    throw new Violation(`${about}: was answered for another span, ${ack.this}`);
  if (ack.status === 'ok') return bookReceipt(claim, ack.receipt, about);
  if (ack.status === 'need_more') throw new Violation(`${about}: the ledger never asks for more`);
  if (ack.code === '503_UNAVAILABLE') {
    if (saysNotCommitted(ack)) claim.noes++;
    return;
  }
  // a logged denial is a fact like any other
  if (ack.code === '403_FORBIDDEN' && ack.receipt !== undefined)
    return bookReceipt(claim, ack.receipt, about);
  if (!claim.mayBe.includes(ack.code))
    throw new Violation(`${about}: was answered ${ack.code}: ${JSON.stringify(ack.details)}`);
  if (ack.receipt !== undefined) claim.shown.push(ack.receipt);
  claim.noes++;
  claim.isRefused = true;
}

/** The words are those of `toRefusalAck` and `toUnwitnessedAck`: a deadline that passed before, or a verdict that never held, and not that it is to be waited for. */
function saysNotCommitted({
  details,
}: {
  readonly details: readonly { readonly message: string }[];
}): boolean {
  return details.some(
    ({ message }) =>
      !message.includes('the outcome is unknown') && !message.startsWith('committed, and not yet'),
  );
}

function bookReceipt(claim: Claim, receipt: Receipt, about: string): void {
  claim.confirmed++;
  if (claim.receipt === undefined) claim.receipt = receipt;
  else if (JSON.stringify(claim.receipt) !== JSON.stringify(receipt))
    throw new Violation(
      `${about}: two receipts for one span: ${JSON.stringify(claim.receipt)} and ${JSON.stringify(receipt)}`,
    );
}
