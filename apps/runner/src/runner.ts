import { parseHex, type LocalSigner } from '@logline/canon-sign';
import { submitReport, type RunnerAllowance } from '@logline/contracts';
import { FactSubmitter, ReplyInbox } from '@logline/jetstream';
import type { Log } from '@logline/service';
import { DockerTarget, SecretFiles } from '@logline/targets';
import { parseVkey } from '@logline/tlog';
import type { HpkeKeyPair } from '@logline/wallet';
import type { NatsConnection } from '@nats-io/nats-core';
import type { RunnerConfig } from './config.ts';
import { Deploys } from './deploy/deploys.ts';
import { Steps } from './deploy/steps.ts';
import { RunnerError } from './errors.ts';
import { Follower } from './follow/follower.ts';
import type { Pins } from './follow/log-fold.ts';
import { Memory } from './journal/memory.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { Reporter } from './report/reporter.ts';
import { artifactFetcher } from './secrets/fetch-artifact.ts';

export type RunnerParts = {
  readonly config: Readonly<RunnerConfig>;
  readonly nc: NatsConnection;
  readonly signer: LocalSigner;
  readonly hpke: HpkeKeyPair;
  readonly apiToken: () => string;
  readonly log: Log;
};

/** The whole runner, put together: reads the log, drives runs, reports, reconciles. */
export class Runner {
  readonly memory: Memory;
  readonly #follower: Follower;
  readonly #reporter: Reporter;
  readonly #deploys: Deploys;
  readonly #reconciler: Reconciler;
  readonly #parts: RunnerParts;
  #isStopped = false;

  private constructor(
    parts: RunnerParts,
    made: {
      memory: Memory;
      follower: Follower;
      reporter: Reporter;
      deploys: Deploys;
      reconciler: Reconciler;
    },
  ) {
    this.#parts = parts;
    this.memory = made.memory;
    this.#follower = made.follower;
    this.#reporter = made.reporter;
    this.#deploys = made.deploys;
    this.#reconciler = made.reconciler;
  }

  /** @throws RunnerError, TargetError: the journal, the log or the secrets directory cannot be worked with */
  static async open(parts: RunnerParts): Promise<Runner> {
    const { config, nc, signer, hpke, log } = parts;
    const { tenant, runnerId: runner, provider, natsUser } = config;
    const pins: Pins = { tenant, rootKey: config.rootKey, logKey: parseVkey(config.logKey) };
    const secretFiles = await SecretFiles.open(config.secretsDir);
    const target = new DockerTarget({
      socketPath: config.engineSocket,
      provider,
      secretFiles,
      lentShellPath: config.lentShell,
    });
    const memory = await Memory.open({ directory: config.journalDir, runner, pins });
    const self = { runner, provider, node: config.nodeName };
    const own = { runner, provider, tenant, allow: toAllowance(config) };
    const fetch = artifactFetcher({ gatewayUrl: config.gatewayUrl, tenant, token: parts.apiToken });
    const steps = new Steps({
      memory,
      target,
      secretFiles,
      own,
      hpkePrivateKey: hpke.privateKey,
      fetch,
      log,
    });
    const submitter = new FactSubmitter({
      nc,
      inbox: ReplyInbox.open(nc, natsUser, log),
      subject: submitReport(tenant, runner),
      user: natsUser,
    });
    return new Runner(parts, {
      memory,
      follower: new Follower({ nc, user: natsUser, memory, log }),
      reporter: new Reporter({
        memory,
        log,
        submit: (request) => submitter.submit({ ...request, tenant }),
      }),
      deploys: new Deploys({ memory, steps, self, signer, log }),
      reconciler: new Reconciler({ memory, target, secretFiles, owner: own, log }),
    });
  }

  /** @param onFatal - the end: nothing is opened, started or reported any more */
  start(onFatal: (error: unknown) => void): void {
    const once = (error: unknown) => {
      if (!this.#isStopped) onFatal(error);
    };
    this.#reporter.start(once);
    this.#follower.start(once);
    // with a journal the runs are known, and go on without the log; without one, what looks open may be long over
    const isKnown = this.memory.state.log.knowledge.index >= 0;
    if (isKnown) this.#deploys.start(once);
    void this.#follower.caughtUp.then(() => {
      if (this.#isStopped) return;
      const wrong = this.#registrationFault();
      if (wrong !== null) return once(new RunnerError('NOT_REGISTERED', wrong));
      if (!isKnown) this.#deploys.start(once);
      this.#reconciler.start();
    });
  }

  /** True, or what is missing. */
  readonly checks: Readonly<Record<string, () => true | string>> = {
    log: () => this.#follower.health,
    engine: () => this.#reconciler.isReachable || 'the engine does not answer',
    registered: () =>
      this.memory.state.log.knowledge.runners.get(this.#parts.config.runnerId)?.status === 'active' ||
      'not added by registry.runner.add',
  };

  /** Containers stay as they are, and are found again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#follower.stop();
    await this.#deploys.stop();
    await this.#reconciler.stop();
    await this.#reporter.stop();
    await this.memory.close();
    await this.#parts.nc.drain();
  }

  #registrationFault(): string | null {
    const { config, signer, hpke } = this.#parts;
    const { runners, keys } = this.memory.state.log.knowledge;
    const entry = runners.get(config.runnerId);
    if (entry === undefined) return null; // it may yet be added
    const pub = keys.get(entry.kid)?.pub ?? '';
    if (entry.kid !== signer.kid || !Buffer.from(signer.publicKey).equals(parseHex(pub)))
      return `the log names another key for the runner ${config.runnerId} than ${signer.kid}`;
    return entry.hpkePub === hpke.publicKey
      ? null
      : `the log names another HPKE key for the runner ${config.runnerId}`;
  }
}

/** What manifests may ask for here; a registration says the same to the planner. */
export function toAllowance(config: Readonly<RunnerConfig>): RunnerAllowance {
  return {
    privileged: config.allowPrivileged,
    root_user: config.allowRootUser,
    cap_add: config.allowCapAdd?.split(',') ?? [],
  };
}
