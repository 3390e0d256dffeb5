import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { blake3Hash, canonicalBytes } from '@logline/canon-sign';
import { formatRef, formatTarget, parseSubject, type FactPlace } from '@logline/contracts';
import { LOG } from '@logline/service';
import {
  decide,
  evolve,
  type DeployCommand,
  type LoggedFact,
  APPLY_WITHIN_MS,
  STOP_WITHIN_MS,
} from '../domain/deploy.ts';
import { place, type Runner } from '../domain/place.ts';
import { OrchestratorError } from '../errors.ts';
import { Deadlines } from '../expire/deadlines.ts';
import { Reactions } from '../react/reactions.ts';
import { DeployStore, type Effect } from '../storage/deploy.store.ts';
import { parseLogged, type Logged } from './logged.ts';

/** The process manager's one story: a fact comes in, what it asks for is decided and logged, what it says is folded in. */
@Injectable()
export class FollowService {
  constructor(
    private readonly store: DeployStore,
    private readonly reactions: Reactions,
    private readonly deadlines: Deadlines,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  async follow(bytes: Uint8Array, factPlace: FactPlace): Promise<void> {
    const { tenant, index } = factPlace;
    const position = await this.store.positionOf(tenant);
    if (index <= position) return;
    if (index > position + 1) {
      throw new OrchestratorError('GAP', `fact ${index} of ${tenant} arrived, ${position + 1} has not`);
    }
    const fact = parseLogged(bytes, factPlace);
    const command = await this.commandOf(fact);
    // a fact is settled only after its reactions' receipts: killed in between, the same reactions are made again, byte for byte
    if (command !== null) await this.react(command, fact);
    const effect = await this.effectOf(fact);
    await this.store.save(tenant, index, effect);
    if (effect.container !== undefined)
      this.deadlines.arm(tenant, effect.container.subject, effect.container.state);
  }

  private async react(command: DeployCommand, { span, place: cause }: Logged): Promise<void> {
    const state = await this.store.stateOf(cause.tenant, span.subject);
    for (const fact of decide(command, state)) {
      const ack = await this.reactions.submit(fact, {
        cause: span.this,
        causeMs: cause.timeMs,
        tsMs: cause.timeMs,
        tenant: cause.tenant,
        subject: span.subject,
        trace: cause.trace,
      });
      // the gate knows more than this fact did (the run ended meanwhile, …): its no is the last word
      if (ack.status !== 'ok')
        this.log.warn({ subject: span.subject, intent: fact.intent, ack }, 'reaction refused');
    }
  }

  private async commandOf(fact: Logged): Promise<DeployCommand | null> {
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
      case 'minicontainer.apply':
      case 'registry.runner.add':
      case 'registry.runner.remove':
      case 'deploy.planned':
      case 'deploy.failed':
      case 'deploy.applied':
      case 'run_state.pending':
      case 'run_state.running':
      case 'run_state.exited':
      case 'run_state.failed':
      case 'other':
        return null;
    }
  }

  private async effectOf(fact: Logged): Promise<Effect> {
    const { span } = fact;
    switch (fact.intent) {
      case 'minicontainer.apply': {
        const subject = parseSubject(span.subject);
        if (!('manifest' in fact.payload) || subject.kind !== 'minicontainer') return {};
        const { manifest } = fact.payload;
        const { tenant, name } = subject;
        const ref = formatRef({ tenant, name, hash: blake3Hash(canonicalBytes(manifest)) });
        return { blueprint: { ref, deploy: manifest.deploy } };
      }
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
      case 'other':
        return {};
    }
  }
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
