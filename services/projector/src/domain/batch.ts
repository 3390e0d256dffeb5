import type { Fact } from './fact.ts';
import { growLog, type LogGrowth, type LogView } from './log-view.ts';
import { evolveSubject, type SubjectView } from './subject.ts';
import { emptyTenant, type KeyView, type TokenView } from './tenant.ts';

export type TenantSubject = { readonly tenant: string; readonly view: SubjectView };
export type RegistryChange = {
  readonly tenant: string;
  readonly keys: readonly KeyView[];
  readonly tokens: readonly TokenView[];
  /** Whether the log is open to anybody, where that has changed. */
  readonly isPublic?: boolean;
};

/** Everything that a batch of facts changes. */
export type BatchEffect = {
  /** Of logs that have grown, by tenant. */
  readonly growths: readonly LogGrowth[];
  readonly subjects: readonly TenantSubject[];
  readonly registry: readonly RegistryChange[];
};

/** Facts of one log that came too early, and what is missing before them: log indexes, both included. */
export type Gap = {
  readonly tenant: string;
  readonly from: number;
  readonly to: number;
  readonly early: readonly Fact[];
};

export type Grown = {
  readonly growths: readonly LogGrowth[];
  readonly refused: LogGrowth['refused'];
  readonly gaps: readonly Gap[];
};

/** Grows each log by its facts. Logs are independent: what one lacks keeps no other back. */
export function growLogs(facts: readonly Fact[], logs: ReadonlyMap<string, LogView>): Grown {
  const all = [...Map.groupBy(facts, ({ place }) => place.tenant)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([tenant, own]) => {
      const log = logs.get(tenant);
      return log === undefined ? [] : [growLog(log, own)];
    });
  return {
    growths: all.filter(({ facts: taken }) => taken.length > 0),
    refused: all.flatMap(({ refused }) => refused),
    gaps: all.flatMap(({ log, early }) => {
      if (early.length === 0) return [];
      const to = Math.max(...early.map(({ place }) => place.index));
      return [{ tenant: log.tenant, from: Number(log.edge.size), to, early }];
    }),
  };
}

/** What the grown logs say about their subjects, whose views `before` holds. */
export function foldSubjects(
  growths: readonly LogGrowth[],
  before: ReadonlyMap<string, SubjectView>,
): Omit<BatchEffect, 'growths'> {
  const views = new Map(before);
  const owners = new Map<string, string>();
  for (const { log, facts } of growths) {
    for (const fact of facts) {
      const view = views.get(fact.span.subject);
      if (view === undefined) continue;
      views.set(view.subject, evolveSubject(view, fact));
      owners.set(view.subject, log.tenant);
    }
  }
  const subjects = [...owners].flatMap(([subject, tenant]) => {
    const view = views.get(subject);
    return view === undefined ? [] : [{ tenant, view }];
  });
  return {
    subjects,
    registry: subjects.flatMap(({ tenant, view }) => changesOf(tenant, before.get(view.subject), view)),
  };
}

/** Keys and tokens that are new or not what they were. */
function changesOf(
  tenant: string,
  before: SubjectView | undefined,
  { state }: SubjectView,
): readonly RegistryChange[] {
  if (state.kind !== 'tenant') return [];
  const old = before?.state.kind === 'tenant' ? before.state.view : emptyTenant;
  const [oldKeys, oldTokens] = [new Set(old.keys), new Set(old.api_keys)];
  const keys = state.view.keys.filter((key) => !oldKeys.has(key));
  const tokens = state.view.api_keys.filter((token) => !oldTokens.has(token));
  const isPublic = state.view.public === old.public ? undefined : state.view.public;
  if (keys.length + tokens.length === 0 && isPublic === undefined) return [];
  return [{ tenant, keys, tokens, ...(isPublic === undefined ? {} : { isPublic }) }];
}
