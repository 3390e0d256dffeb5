/** A runner without a bus, in a process of its own: the test kills it where it likes. Facts come and reports go over HTTP. */
import { RUNNER, runnerHpkeKey, testKey } from '@logline/testing';
import { DockerTarget, SecretFiles } from '@logline/targets';
import { JetStreamError } from '@logline/jetstream';
import { parseVkey } from '@logline/tlog';
import type { Log } from '@logline/service';
import { Deploys } from '../src/deploy/deploys.ts';
import { type Doing, Steps } from '../src/deploy/steps.ts';
import type { Run } from '../src/domain/run.ts';
import { Memory } from '../src/journal/memory.ts';
import { Reconciler } from '../src/reconcile/reconciler.ts';
import { Reporter } from '../src/report/reporter.ts';
import { artifactFetcher } from '../src/secrets/fetch-artifact.ts';
import type { FedFact } from './test-log.ts';

const need = (name: string): string => process.env[name] ?? '';
const tenant = need('TENANT');
const feed = need('FEED');
const provider = need('PROVIDER') === 'podman' ? 'podman' : 'docker';
const crashAt = process.env['CRASH_AT'];

const write = (level: string) => (about: object, words: string) =>
  process.stderr.write(`${level} ${words} ${JSON.stringify(about, errors)}\n`);
const errors = (_: string, value: unknown) =>
  value instanceof Error ? `${value.name} ${value.message} ${String(value.cause ?? '')}` : value;
// as much of a log as the runner uses
const log = {
  debug: write('debug'),
  info: write('info'),
  warn: write('warn'),
  error: write('error'),
  fatal: write('fatal'),
} as unknown as Log;

/** Dies as by a power cut, at one point of the test's choosing. */
function dieAt(point: string): void {
  if (point === crashAt) process.kill(process.pid, 'SIGKILL');
}

class MortalSteps extends Steps {
  override async take(step: Doing, run: Run, signal: AbortSignal) {
    dieAt(`before:${step}`);
    const event = await super.take(step, run, signal);
    if (event !== null) dieAt(`after:${step}`);
    return event;
  }
}

const fatal = (error: unknown): never => {
  log.fatal({ err: error }, 'the runner stops');
  process.exit(1);
};

const pins = { tenant, rootKey: testKey('root').pub, logKey: parseVkey(need('LOG_KEY')) };
const secretFiles = await SecretFiles.open(need('SECRETS'));
const target = new DockerTarget({
  socketPath: need('SOCKET'),
  provider,
  secretFiles,
  lentShellPath: need('LENT_SHELL'),
});
const memory = await Memory.open({
  directory: need('JOURNAL'),
  runner: RUNNER,
  pins,
  compactAtBytes: 32_768,
}).catch(fatal);
const own = { runner: RUNNER, provider, tenant, allow: {} } as const;
const hpke = await runnerHpkeKey();
const fetchArtifact = artifactFetcher({ gatewayUrl: feed, tenant, token: () => 'lltok_test' });
const steps = new MortalSteps({
  memory,
  target,
  secretFiles,
  own,
  hpkePrivateKey: hpke.privateKey,
  fetch: fetchArtifact,
  log,
});
const signer = testKey(`runner-${RUNNER}`).signer;
const deploys = new Deploys({
  memory,
  steps,
  self: { runner: RUNNER, provider, node: 'test-node' },
  signer,
  log,
});
const reporter = new Reporter({
  memory,
  log,
  submit: async ({ bodies }) => {
    const response = await fetch(`${feed}/submit`, {
      method: 'POST',
      body: JSON.stringify(bodies.map((body) => Buffer.from(body).toString())),
    }).catch(() => null);
    if (response?.ok !== true) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      throw new JetStreamError('DEADLINE', 'the log does not answer');
    }
    const acks = await response.json();
    dieAt('reported');
    return acks;
  },
});
const reconciler = new Reconciler({ memory, target, secretFiles, owner: own, log });

reporter.start(fatal);
const isKnown = memory.state.log.knowledge.index >= 0;
if (isKnown) deploys.start(fatal);
let isCaughtUp = false;
for (;;) {
  const response = await fetch(`${feed}/facts?from=${memory.state.log.readIndex + 1}`).catch(() => null);
  if (response?.ok === true) {
    const facts: readonly FedFact[] = await response.json();
    if (facts.length > 0)
      await memory.record(() => facts.map((fact) => ({ t: 'fact', ...fact }) as const)).catch(fatal);
    if (!isCaughtUp) {
      isCaughtUp = true;
      if (!isKnown) deploys.start(fatal);
      reconciler.start();
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
}
