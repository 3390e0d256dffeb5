import { storedFactSubject, toFactHeaders, type FactPlace } from '@logline/contracts';
import type { HeaderPair } from './header-lines.ts';

/** One fact on its way out: the span's canonical bytes where readers look for them. */
export type FactMessage = {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: readonly HeaderPair[];
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
  return {
    subject: storedFactSubject(span.intent, span.subject),
    body: bytes,
    headers: toFactHeaders(span, place),
    msgId: `${place.tenant}:${place.index}`,
  };
}
