import {
  checkerOf,
  ContractError,
  parseSubject,
  ruleOf,
  Span,
  type DeployApply,
  type DeployFailed,
  type DeployApplied,
  type DeployPlanned,
  type DeployStop,
  type FactPlace,
  type Intent,
  type MinicontainerApply,
  type RunnerAdd,
  type RunnerRemove,
  type RunState,
} from '@logline/contracts';

/** A fact with its payload typed by its intent, as far as the orchestrator reads it. */
export type Logged = { readonly span: Span; readonly place: FactPlace } & (
  | { readonly intent: 'minicontainer.apply'; readonly payload: MinicontainerApply }
  | { readonly intent: 'registry.runner.add'; readonly payload: RunnerAdd }
  | { readonly intent: 'registry.runner.remove'; readonly payload: RunnerRemove }
  | { readonly intent: 'deploy.apply'; readonly payload: DeployApply }
  | { readonly intent: 'deploy.stop'; readonly payload: DeployStop }
  | { readonly intent: 'deploy.planned'; readonly payload: DeployPlanned }
  | { readonly intent: 'deploy.failed'; readonly payload: DeployFailed }
  | { readonly intent: 'deploy.applied'; readonly payload: DeployApplied }
  | {
      readonly intent: 'run_state.pending' | 'run_state.running' | 'run_state.exited' | 'run_state.failed';
      readonly payload: RunState;
    }
  | { readonly intent: 'other' }
);

const READ = [
  'minicontainer.apply',
  'registry.runner.add',
  'registry.runner.remove',
  'deploy.apply',
  'deploy.stop',
  'deploy.planned',
  'deploy.failed',
  'deploy.applied',
  'run_state.pending',
  'run_state.running',
  'run_state.exited',
  'run_state.failed',
] as const satisfies readonly Intent[];
const payloadCheckers = new Map(READ.map((intent) => [intent as string, checkerOf(ruleOf(intent).payload)]));
const spanChecker = checkerOf(Span);

/** Whether facts of this intent say anything to the orchestrator; of the others only their place counts. */
export function isRead(intent: string): boolean {
  return payloadCheckers.has(intent);
}

/**
 * Bytes of a fact → typed fact; intents the orchestrator does not read, or does not know yet, become `other`.
 * @throws ContractError `BAD_ENVELOPE` for bytes that are no span of this tenant, or whose payload is not that of an intent read here: such a fact is parked
 */
export function parseLogged(bytes: Uint8Array, place: FactPlace): Logged {
  const span = parseSpan(bytes);
  if (!spanChecker.check(span)) throw notAFact('it is no span');
  if (tenantOf(span.subject) !== place.tenant) throw notAFact('it is about another tenant');
  const checker = payloadCheckers.get(span.intent);
  if (checker === undefined) return { intent: 'other', span, place };
  if (!checker.check(span.payload)) throw notAFact(`its payload is not that of ${span.intent}`);
  return { intent: span.intent, payload: span.payload, span, place } as Logged; // the checker of this very intent has said so
}

function tenantOf(subject: string): string | null {
  try {
    return parseSubject(subject).tenant;
  } catch {
    return null; // the only thing it throws is BAD_SUBJECT
  }
}

function parseSpan(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ContractError('BAD_ENVELOPE', 'not a fact: it is not JSON', { cause });
  }
}

function notAFact(why: string): ContractError {
  return new ContractError('BAD_ENVELOPE', `not a fact: ${why}`);
}
