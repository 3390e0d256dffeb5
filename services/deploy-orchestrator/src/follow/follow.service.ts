import { Inject, Injectable } from '@nestjs/common';
import { blake3Hash, canonicalBytes } from '@logline/canon-sign';
import { formatRef, formatTarget, parseSubject, STREAMS, type Ack, type FactPlace } from '@logline/contracts';
import { LOG, type Log } from '@logline/service';
import {
  decide,
  evolve,
  foldAhead,
  type DeployCommand,
  type DeployFact,
  type LoggedFact,
  APPLY_WITHIN_MS,
  STOP_WITHIN_MS,
} from '../domain/deploy.ts';
import { place, type Runner } from '../domain/place.ts';
import { Deadlines } from '../expire/deadlines.ts';
import { ReactionMetrics } from '../react/reaction-metrics.ts';
import { Reactions, type Cause } from '../react/reactions.ts';
import { DeployStore, type Advance, type Blueprint, type Effect } from '../storage/deploy.store.ts';
import { isRead, parseLogged, type Logged } from './logged.ts';

/** A command that a client's span makes, and that its fact is settled by. */
type ReactingCommand = Extract<DeployCommand, { type: 'apply' | 'stop' }>;

const CURSOR_EVERY_MS = 1_000;
const MOST_POSITIONS = 10_000;

export type FollowedFact = {
  readonly bytes: Uint8Array;
  readonly place: FactPlace;
  /** As the ledger says beside the bytes. */
  readonly intent: string | undefined;
};

/** Facts of one log that came too early, and what is missing before them: log indexes, both included. */
export type Gap<F> = {
  readonly tenant: string;
  readonly from: number;
  readonly to: number;
  readonly early: readonly F[];
};

/** What of a batch is not folded in: facts that never can be as they are, each with the reason, and those that are left aside. */
export type Left<F> = { readonly refused: ReadonlyMap<F, Error>; readonly gaps: readonly Gap<F>[] };

/**
 * The process manager's one story: a fact comes in, what it asks for is decided and logged, what it says is folded in. A log's facts go one after the
 * other; logs go side by side, so one that waits for a verdict keeps the others back for a batch at most.
 */
@Injectable()
export class FollowService {
  /** How far each log is known to be read. Another leader's reading is noticed by the compare in every save. */
  private readonly positions = new Map<string, number>();
  private nextCursorMs = 0;

  constructor(
    private readonly store: DeployStore,
    private readonly reactions: Reactions,
    private readonly deadlines: Deadlines,
    private readonly metrics: ReactionMetrics,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** Folds the facts in, as far as they follow. */
  async follow<F extends FollowedFact>(facts: readonly F[], sequence: number): Promise<Left<F>> {
    const refused = new Map<F, Error>();
    const gaps: Gap<F>[] = [];
    const byTenant = Map.groupBy(facts, ({ place }) => place.tenant);
    const outcomes = await Promise.allSettled(
      [...byTenant].map(([tenant, own]) => this.followLog(tenant, own, refused)),
    );
    // only when all have come to rest, so that nothing of this try runs into the next
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') {
        if (outcome.value !== null) gaps.push(outcome.value);
        continue;
      }
      this.positions.clear();
      throw outcome.reason;
    }
    await this.saveCursor(sequence);
    return { refused, gaps };
  }

  /** Now and then: it says where to begin, and what is read twice is skipped by its position. */
  private async saveCursor(sequence: number): Promise<void> {
    const nowMs = performance.now();
    if (nowMs < this.nextCursorMs) return;
    await this.store.saveCursor(STREAMS.facts, sequence);
    this.nextCursorMs = nowMs + CURSOR_EVERY_MS;
  }

  private async followLog<F extends FollowedFact>(
    tenant: string,
    facts: readonly F[],
    refused: Map<F, Error>,
  ): Promise<Gap<F> | null> {
    let saved = await this.positionBefore(tenant, facts[0]?.place.index ?? 0);
    let position = saved;
    let blueprints: Blueprint[] = [];
    const early: F[] = [];
    const save = async (): Promise<void> => {
      if (position > saved) await this.store.keep(tenant, { from: saved, to: position }, blueprints);
      saved = position;
      blueprints = [];
    };
    for (const fact of facts) {
      const { index } = fact.place;
      if (index <= position) continue;
      if (index > position + 1) {
        early.push(fact);
        continue;
      }
      // what says nothing to us costs nothing
      if (fact.intent !== undefined && !isRead(fact.intent)) {
        position = index;
        continue;
      }
      const logged = tryParse(fact);
      if (logged instanceof Error) {
        refused.set(fact, logged);
        continue;
      }
      // of what is only kept for later much is saved at once
      if (logged.intent === 'minicontainer.apply') blueprints.push(...blueprintIn(logged));
      else if (logged.intent !== 'other') {
        await save();
        await this.fold(logged, { from: saved, to: index });
        saved = index;
      }
      position = index;
    }
    await save();
    if (this.positions.size >= MOST_POSITIONS) this.positions.clear();
    this.positions.set(tenant, saved);
    const left = early.filter(({ place }) => place.index > position);
    if (left.length === 0) return null;
    const to = Math.max(...left.map(({ place }) => place.index));
    return { tenant, from: position + 1, to, early: left };
  }

  /** What is remembered counts while the log goes on from there: another one may have led meanwhile, and read further. */
  private async positionBefore(tenant: string, index: number): Promise<number> {
    const remembered = this.positions.get(tenant);
    return remembered !== undefined && index <= remembered + 1
      ? remembered
      : await this.store.positionOf(tenant);
  }

  private async fold(fact: Folded, advance: Advance): Promise<void> {
    const { tenant } = fact.place;
    const command = await this.commandOf(fact);
    // a fact is settled only after its reactions' receipts: killed in between, the same reactions are made again, byte for byte
    const effect = command === null ? await this.effectOf(fact) : await this.react(command, fact);
    await this.store.save(tenant, advance, effect);
    if (effect.container !== undefined)
      this.deadlines.arm(tenant, effect.container.subject, effect.container.state);
  }

  private async react(command: ReactingCommand, { span, place: cause }: Logged): Promise<Effect> {
    const { subject } = span;
    const state = await this.store.stateOf(cause.tenant, subject);
    const about: Cause = {
      cause: span.this,
      causeMs: cause.timeMs,
      tsMs: cause.timeMs,
      tenant: cause.tenant,
      subject,
      trace: cause.trace,
    };
    const logged: DeployFact[] = [];
    const submit = async (fact: DeployFact): Promise<Ack> => {
      const ack = await this.reactions.submit(fact, about);
      this.metrics.settled(fact.intent, ack.status);
      // the gate knows more than this fact did (the run ended meanwhile, …): its no is the last word
      if (ack.status === 'ok') logged.push(fact);
      else
        this.log.warn(
          { subject, intent: fact.intent, code: ack.code, errors: ack.errors },
          'reaction refused',
        );
      return ack;
    };
    for (const fact of decide(command, state)) {
      const ack = await submit(fact);
      if (fact.intent !== 'deploy.planned' || !isRunnerUnfit(ack)) continue;
      const { deploy, askedAt } = command;
      const message = `the runner ${fact.payload.runner} is gone: add a runner, then deploy again`;
      for (const end of decide({ type: 'give-up', deploy, askedAt, message }, state)) await submit(end);
    }
    return logged.length === 0 ? {} : { container: { subject, state: foldAhead(state, logged) } };
  }

  private async commandOf(fact: Folded): Promise<ReactingCommand | null> {
    const { span, place: cause } = fact;
    switch (fact.intent) {
      case 'deploy.apply': {
        const { ref, target, options } = fact.payload;
        const deploy = await this.store.blueprintOf(cause.tenant, ref);
        const state = await this.store.stateOf(cause.tenant, span.subject);
        const incumbent = state.open.findLast(
          (open) => formatTarget(open.target) === formatTarget(target),
        )?.runner;
        const runners: readonly Runner[] = await this.store.runnersOf(cause.tenant);
        return {
          type: 'apply',
          deploy: span.this,
          askedAt: cause.index,
          ref,
          target,
          placement:
            deploy === null
              ? { ok: false, why: 'unsupported', message: `no manifest ${ref} was applied` }
              : place(ref, deploy, target, runners, incumbent),
          withinMs: options?.timeout_ms ?? APPLY_WITHIN_MS,
          nowMs: cause.timeMs,
        };
      }
      case 'deploy.stop':
        return {
          type: 'stop',
          deploy: span.this,
          askedAt: cause.index,
          target: fact.payload.target,
          withinMs: fact.payload.options?.timeout_ms ?? STOP_WITHIN_MS,
          nowMs: cause.timeMs,
        };
      case 'registry.runner.add':
      case 'registry.runner.remove':
      case 'deploy.planned':
      case 'deploy.failed':
      case 'deploy.applied':
      case 'run_state.pending':
      case 'run_state.running':
      case 'run_state.exited':
      case 'run_state.failed':
        return null;
    }
  }

  private async effectOf(fact: Folded): Promise<Effect> {
    const { span } = fact;
    switch (fact.intent) {
      case 'registry.runner.add': {
        const { runner, providers, allow } = fact.payload;
        return { runnerAdded: { runner, providers, allow: allow ?? {} } };
      }
      case 'registry.runner.remove':
        return { runnerRemoved: fact.payload.runner };
      case 'deploy.planned':
      case 'deploy.failed':
      case 'deploy.applied':
      case 'run_state.pending':
      case 'run_state.running':
      case 'run_state.exited':
      case 'run_state.failed': {
        const state = await this.store.stateOf(fact.place.tenant, span.subject);
        return { container: { subject: span.subject, state: evolve(state, toLoggedFact(fact)) } };
      }
      case 'deploy.apply':
      case 'deploy.stop':
        return {};
    }
  }
}

/** What is folded in one by one. */
type Folded = Exclude<Logged, { intent: 'other' | 'minicontainer.apply' }>;

/** What an apply leaves for a later deploy; nothing where its manifest is not in it. */
function blueprintIn({ span, payload }: Extract<Logged, { intent: 'minicontainer.apply' }>): Blueprint[] {
  const subject = parseSubject(span.subject);
  if (!('manifest' in payload) || subject.kind !== 'minicontainer') return [];
  const { manifest } = payload;
  const { tenant, name } = subject;
  const ref = formatRef({ tenant, name, hash: blake3Hash(canonicalBytes(manifest)) });
  return [{ ref, deploy: manifest.deploy }];
}

type Evolving = Extract<
  Logged,
  { intent: 'deploy.planned' | 'deploy.failed' | 'deploy.applied' | `run_state.${string}` }
>;

function toLoggedFact(fact: Evolving): LoggedFact {
  switch (fact.intent) {
    case 'deploy.planned':
      return { intent: fact.intent, payload: fact.payload };
    case 'deploy.failed':
      return { intent: fact.intent, payload: fact.payload };
    case 'deploy.applied':
      return { intent: fact.intent, payload: fact.payload };
    case 'run_state.pending':
    case 'run_state.running':
    case 'run_state.exited':
    case 'run_state.failed':
      return {
        intent: 'run_state',
        payload: fact.payload,
        isRunning: fact.intent === 'run_state.running',
        isOver: fact.intent === 'run_state.exited' || fact.intent === 'run_state.failed',
      };
  }
}

function tryParse({ bytes, place: where }: FollowedFact): Logged | Error {
  try {
    return parseLogged(bytes, where);
  } catch (error) {
    return error instanceof Error ? error : new Error('unknown', { cause: error });
  }
}

/** The plan was refused for the runner it names, which no redelivery will change; any other no means that the log says it already. */
function isRunnerUnfit(ack: Ack): boolean {
  return ack.status !== 'ok' && ack.details.some(({ pointer }) => pointer === '/payload/runner');
}
