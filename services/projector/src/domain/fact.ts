import {
  checkerOf,
  isIntent,
  parseSubject,
  ruleOf,
  Span,
  type Checker,
  type FactPlace,
} from '@logline/contracts';
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

/** @throws ProjectorError `BAD_FACT` for bytes that are no span of the tenant whose log they are said to be in */
export function parseFact(bytes: Uint8Array, place: FactPlace): Fact {
  const span = parseJson(bytes, place);
  if (!spanChecker.check(span)) throw badFact(place, 'is no span');
  if (tenantOf(span, place) !== place.tenant) throw badFact(place, 'is about another tenant');
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

function parseJson(bytes: Uint8Array, place: FactPlace): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw badFact(place, 'is not JSON', cause);
  }
}

function tenantOf(span: Span, place: FactPlace): string {
  try {
    return parseSubject(span.subject).tenant;
  } catch (cause) {
    throw badFact(place, 'has no subject', cause);
  }
}

function badFact({ index, tenant }: FactPlace, why: string, cause?: unknown): ProjectorError {
  return new ProjectorError('BAD_FACT', `fact ${index} of ${tenant} ${why}`, { cause });
}
