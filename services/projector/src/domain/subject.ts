import { parseSubject } from '@logline/contracts';
import { emptyContainer, evolveContainer, type ContainerFact, type ContainerView } from './container.ts';
import { payloadOf, type Fact } from './fact.ts';
import { emptyTenant, evolveTenant, type TenantFact, type TenantView } from './tenant.ts';

/** The view of one subject, whatever its kind. `index` is the last log index folded in; `head` the last client-signed span. Readers show `state.view`. */
export type SubjectView = {
  readonly subject: string;
  readonly head: string | null;
  readonly index: number;
  readonly state:
    | ({ readonly kind: 'container' } & ContainerView)
    | { readonly kind: 'tenant'; readonly view: TenantView }
    | { readonly kind: 'person'; readonly view: Record<string, never> };
};

export function emptySubject(subject: string): SubjectView {
  const base = { subject, head: null, index: -1 } as const;
  switch (parseSubject(subject).kind) {
    case 'minicontainer':
      return { ...base, state: { kind: 'container', ...emptyContainer } };
    case 'tenant':
      return { ...base, state: { kind: 'tenant', view: emptyTenant } };
    case 'person':
      return { ...base, state: { kind: 'person', view: {} } };
  }
}

/** The view after one more fact about its subject. */
export function evolveSubject(before: SubjectView, fact: Fact): SubjectView {
  const { index } = fact.place;
  return {
    subject: before.subject,
    head: fact.isClient ? fact.span.this : before.head,
    index,
    state: evolveState(before.state, fact, index),
  };
}

function evolveState(state: SubjectView['state'], { span }: Fact, index: number): SubjectView['state'] {
  const payload = payloadOf(span);
  if (payload === null) return state;
  switch (state.kind) {
    case 'container':
      return isContainerIntent(span.intent)
        ? {
            kind: 'container',
            ...evolveContainer(state, { intent: span.intent, payload } as ContainerFact, index),
          } // checked against this very intent
        : state;
    case 'tenant':
      return span.intent.startsWith('registry.')
        ? {
            kind: 'tenant',
            view: evolveTenant(state.view, { intent: span.intent, payload } as TenantFact, index),
          } // same
        : state;
    case 'person':
      return state;
  }
}

const CONTAINER_INTENTS: ReadonlySet<string> = new Set([
  'minicontainer.applied',
  'deploy.stop',
  'deploy.planned',
  'deploy.applied',
  'deploy.failed',
  'run_state.pending',
  'run_state.running',
  'run_state.exited',
  'run_state.failed',
]);

function isContainerIntent(intent: string): boolean {
  return CONTAINER_INTENTS.has(intent);
}
