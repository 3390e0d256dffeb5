import { checkerOf, isIntent, ruleOf, Span, type Checker, type FactPlace } from '@logline/contracts';
import { ProjectorError } from '../errors.ts';

/** A fact as the views take it: parsed, with its exact bytes. */
export type Fact = {
  readonly span: Span;
  readonly bytes: Uint8Array;
  readonly place: FactPlace;
  /** Whether a client key signed it: only such spans move a subject's head. */
  readonly isClient: boolean;
};

const spanChecker = checkerOf(Span);
const payloadCheckers = new Map<string, Checker<unknown>>();

/** @throws ProjectorError `BAD_FACT` for bytes that are no span */
export function parseFact(bytes: Uint8Array, place: FactPlace): Fact {
  const span = parseJson(bytes);
  if (!spanChecker.check(span))
    throw new ProjectorError('BAD_FACT', `entry ${place.index} of ${place.log} is no span`);
  const isClient = isIntent(span.intent) && ruleOf(span.intent).signedBy.role === 'client';
  return { span, bytes, place, isClient };
}

/** The payload when it is what its intent says, else null: a view then leaves the fact out, and the log still has it. */
export function payloadOf(span: Span): unknown {
  if (!isIntent(span.intent)) return null;
  let checker = payloadCheckers.get(span.intent);
  if (checker === undefined) {
    checker = checkerOf(ruleOf(span.intent).payload);
    payloadCheckers.set(span.intent, checker);
  }
  return checker.check(span.payload) ? span.payload : null;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ProjectorError('BAD_FACT', 'an entry is not JSON', { cause });
  }
}
