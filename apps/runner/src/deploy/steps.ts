import type { DeployFailure } from '@logline/contracts';
import {
  forRun,
  type RunSpec,
  type RunStatus,
  type Secret,
  type SecretFiles,
  type Target,
  TargetError,
  type TargetErrorCode,
} from '@logline/targets';
import type { Log } from '@logline/service';
import type { Step } from '../domain/next-step.ts';
import type { Run } from '../domain/run.ts';
import type { RunEvent } from '../domain/run-event.ts';
import type { Memory } from '../journal/memory.ts';
import { ArtifactError, type FetchArtifact } from '../secrets/fetch-artifact.ts';
import { GrantRefused, openGrants, wipe } from '../secrets/open-grants.ts';
import { type OwnRules, type PlanVerdict, verifyPlan, whyBarred } from './verify-plan.ts';

/** A checkpoint older than this proves nothing about revocations (protocol §6). */
const FRESH_MS = 60_000;
/** So often a lapsed opening is begun again. */
const MOST_OPENINGS = 5;
const AGAIN_MS = 1000;
const CLEAN_TIMEOUT_MS = 10_000;

export type Doing = Exclude<Step['do'], 'wait' | 'makeRoom' | 'giveUp'>;

export type StepsOptions = {
  readonly memory: Memory;
  readonly target: Target;
  readonly secretFiles: SecretFiles;
  readonly own: OwnRules & { readonly tenant: string };
  readonly hpkePrivateKey: string;
  readonly fetch: FetchArtifact;
  readonly log: Log;
};

/** Does one step of a run in the world. Each may have been begun before a crash, so each first finds what is already there. */
export class Steps {
  readonly #options: StepsOptions;
  /** Opened and not yet handed over, by lease. In memory only; wiped when handed over, or when the run ends. */
  readonly #secrets = new Map<number, readonly Secret[]>();

  constructor(options: StepsOptions) {
    this.#options = options;
  }

  /** What came of it; null when nothing did (nobody answered, or `signal`): look again. */
  async take(step: Doing, run: Run, signal: AbortSignal): Promise<RunEvent | null> {
    try {
      return await this.#take(step, run, signal);
    } catch (cause) {
      if (signal.aborted) return null;
      const failure = failureOf(cause);
      if (failure !== null) return { type: 'failed', ...failure };
      if (!isRetryable(cause)) throw cause;
      this.#options.log.warn({ err: cause, step, lease: run.plan.lease }, 'a step waits: nobody answers');
      await pause(AGAIN_MS, signal);
      return null;
    }
  }

  /** Wipes every secret in memory. */
  forget(): void {
    for (const lease of this.#secrets.keys()) this.#wipe(lease);
  }

  #take(step: Doing, run: Run, signal: AbortSignal): Promise<RunEvent | null> {
    switch (step) {
      case 'verify':
        return this.#verify(run);
      case 'open':
        return this.#open(run, signal);
      case 'create':
        return this.#create(run, signal);
      case 'start':
        return this.#start(run);
      case 'watch':
        return this.#watch(run, signal);
      case 'stop':
        return this.#stop(run);
      case 'clean':
        return this.#clean(run);
    }
  }

  async #verify(run: Run): Promise<RunEvent> {
    const verdict = this.#verdict(run);
    return verdict.ok
      ? { type: 'verified', terms: verdict.terms }
      : { type: 'failed', why: verdict.why, message: verdict.message };
  }

  #verdict(run: Run): PlanVerdict {
    return verifyPlan(run, this.#options.memory.state.log.knowledge, this.#options.own, Date.now());
  }

  async #open(run: Run, signal: AbortSignal): Promise<RunEvent> {
    const receipt = run.materialize?.receipt ?? null;
    if (receipt === null || Math.abs(Date.now() - receipt.timeMs) > FRESH_MS) return this.#lapsed(run);
    // our own reading has come to that receipt: whatever was revoked before it is known here
    const { knowledge } = this.#options.memory.state.log;
    const barred = whyBarred(run.plan, knowledge, Date.now());
    if (barred !== null) return { type: 'failed', why: 'grant_refused', message: barred };
    // a container that an earlier try made does not spare the grants their check
    const verdict = this.#verdict({ ...run, container: null });
    if (!verdict.ok) return { type: 'failed', why: verdict.why, message: verdict.message };
    const { hpkePrivateKey, fetch } = this.#options;
    const secrets = await openGrants(verdict.opening, { hpkePrivateKey, fetch, signal });
    this.#wipe(run.plan.lease);
    this.#secrets.set(run.plan.lease, secrets);
    return { type: 'opened' };
  }

  #lapsed(run: Run): RunEvent {
    const isHopeless = (run.materialize?.attempt ?? 0) >= MOST_OPENINGS;
    if (isHopeless) {
      return {
        type: 'failed',
        why: 'grant_refused',
        message: 'no checkpoint of the log was fresh enough: are the clocks of runner and ledger right?',
      };
    }
    if (run.terms === null || run.terms.grants.length === 0) {
      return {
        type: 'failed',
        why: 'interrupted',
        message: 'the runner lost its journal before the secrets were handed over',
      };
    }
    return { type: 'lapsed' };
  }

  async #create(run: Run, signal: AbortSignal): Promise<RunEvent> {
    const { target } = this.#options;
    const spec = this.#spec(run);
    const secrets = this.#secrets.get(run.plan.lease) ?? [];
    if (spec.secrets.length > 0 && secrets.length === 0) return this.#lapsed(run);
    const { container, image } = await target.apply(spec, secrets, signal);
    return { type: 'created', container, image };
  }

  async #start(run: Run): Promise<RunEvent> {
    const { target } = this.#options;
    const container = run.container ?? '';
    const found = await target.status(container);
    if (found === null) return this.#vanished(run);
    if (found.state === 'running' || isNewlyEnded(run, found)) return started(found);
    const spec = this.#spec(run);
    const isHandoff = spec.secretDelivery === 'env' && spec.secrets.length > 0;
    const secrets = this.#secrets.get(run.plan.lease) ?? [];
    if (isHandoff && secrets.length === 0) return this.#lapsed(run);
    const status = await target.start(spec, container, secrets);
    this.#wipe(run.plan.lease);
    return started(status);
  }

  async #watch(run: Run, signal: AbortSignal): Promise<RunEvent> {
    return exited(await this.#options.target.exited(run.container ?? '', signal));
  }

  async #stop(run: Run): Promise<RunEvent> {
    return exited(
      await this.#options.target.stop(run.container ?? '', run.terms?.stopTimeoutMs ?? CLEAN_TIMEOUT_MS),
    );
  }

  /** Whatever the engine has of this run, known to the journal or not. */
  async #clean(run: Run): Promise<RunEvent> {
    const { target, secretFiles, own } = this.#options;
    this.#wipe(run.plan.lease);
    for (const status of await target.recover(own)) {
      if (status.run.lease !== run.plan.lease) continue;
      if (status.state === 'running')
        await target.stop(status.container, run.terms?.stopTimeoutMs ?? CLEAN_TIMEOUT_MS);
      await target.remove(status.container, status.run);
    }
    await secretFiles.remove(this.#runOf(run));
    return { type: 'cleaned' };
  }

  #vanished(run: Run): RunEvent {
    if (run.startedAtMs !== null) return exited(null);
    return {
      type: 'failed',
      why: 'interrupted',
      message: 'its container was removed by somebody else before it started',
    };
  }

  #runOf({ plan }: Run): RunSpec['run'] {
    const { own } = this.#options;
    const { name, ref, deploy, lease, specHash } = plan;
    return { tenant: own.tenant, name, ref, deploy, lease, runner: own.runner, specHash };
  }

  #spec(run: Run): RunSpec {
    const verdict = this.#verdict({ ...run, container: run.container ?? 'to be made' });
    if (!verdict.ok) throw new StepFailed(verdict.why, verdict.message);
    const of = this.#runOf(run);
    return forRun(verdict.spec, of, this.#options.secretFiles.directoryOf(of));
  }

  #wipe(lease: number): void {
    wipe(this.#secrets.get(lease) ?? []);
    this.#secrets.delete(lease);
  }
}

class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly why: DeployFailure;
  constructor(why: DeployFailure, message: string) {
    super(message);
    this.why = why;
  }
}

/** Ended, but in a run that the journal does not know: a crash came between start and record. */
function isNewlyEnded(run: Run, { state, startedAtMs }: RunStatus): boolean {
  return state === 'exited' && startedAtMs !== undefined && startedAtMs !== run.startedAtMs;
}

function started(status: RunStatus): RunEvent {
  return { type: 'started', startedAtMs: status.startedAtMs ?? null, ports: status.ports };
}

function exited(status: RunStatus | null): RunEvent {
  return {
    type: 'exited',
    exitCode: status?.exitCode ?? null,
    finishedAtMs: status?.finishedAtMs ?? null,
    isOomKilled: status?.isOomKilled ?? false,
    isVanished: status === null,
  };
}

/** What each no of a target means for a deploy; null where it is no answer. */
const WHY: Readonly<Record<TargetErrorCode, DeployFailure | null>> = {
  BAD_RUN: 'refused_by_runner',
  IMAGE_UNAVAILABLE: 'image_unavailable',
  PORT_CONFLICT: 'port_conflict',
  NAME_TAKEN: 'engine_error',
  SHELL_MISSING: 'unsupported',
  SECRETS_UNSAFE: 'refused_by_runner',
  HANDOFF_FAILED: 'engine_error',
  ENGINE_REFUSED: 'engine_error',
  NOT_FOUND: 'interrupted',
  ENGINE_UNREACHABLE: null,
};

function failureOf(cause: unknown): { readonly why: DeployFailure; readonly message: string } | null {
  if (cause instanceof GrantRefused) return { why: 'grant_refused', message: cause.message };
  if (cause instanceof StepFailed) return { why: cause.why, message: cause.message };
  if (!(cause instanceof TargetError)) return null;
  const why = WHY[cause.code];
  return why === null ? null : { why, message: cause.message };
}

function isRetryable(cause: unknown): boolean {
  return (
    (cause instanceof ArtifactError && cause.isRetryable) ||
    (cause instanceof TargetError && cause.code === 'ENGINE_UNREACHABLE')
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
