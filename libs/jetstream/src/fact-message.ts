import { storedFactSubject, toFactHeaders, type FactPlace } from '@logline/contracts';
import type { HeaderPair } from './header-lines.ts';

/** One fact on its way out: the span's canonical bytes where readers look for them. */
export type FactMessage = {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Made when it goes out: sixteen of them are more than all else of a fact that waits. */
  readonly headers: () => readonly HeaderPair[];
  /** `<tenant>:<index>`: within the duplicate window a fact is stored once. */
  readonly msgId: string;
};

type FactSpan = {
  readonly this: string;
  readonly intent: string;
  readonly subject: string;
  readonly ts: string;
};

export function toFactMessage(span: FactSpan, bytes: Uint8Array, place: FactPlace): FactMessage {
  return toWaitingFact(span, bytes, place, () => place);
}

/** As `toFactMessage`, of a fact that waits among many. @param place - asked for each time it goes out */
export function toWaitingFact(
  span: FactSpan,
  bytes: Uint8Array,
  { tenant, index }: Pick<FactPlace, 'tenant' | 'index'>,
  place: () => FactPlace,
): FactMessage {
  return {
    subject: storedFactSubject(span.intent, span.subject),
    body: bytes,
    headers: () => toFactHeaders(span, place()),
    msgId: `${tenant}:${index}`,
  };
}
