import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { DeploySpec } from '@logline/contracts';
import { attachStdin } from './attach-stdin.ts';
import { type ContainerProvider, containerName, LABELS, type Run, type RunSpec } from './container-spec.ts';
import { type CreateContext, type ImageDefaults, toCreateOptions } from './create-options.ts';
import { EngineClient, nullIfGone, settle } from './engine-client.ts';
import { toTargetError } from './engine-errors.ts';
import { TargetError } from './errors.ts';
import { formatHandoff, type Secret } from './handoff.ts';
import { readJsonLines } from './json-lines.ts';
import { readLogFrames } from './log-frames.ts';
import { type ContainerPlan, planContainer, type PlanOptions } from './plan-container.ts';
import { pullImage, withTag } from './pull-image.ts';
import { toRunStatus } from './run-status.ts';
import type { SecretFiles } from './secret-files.ts';
import type { Capabilities, EngineHint, LogChunk, LogOptions, Owner, RunStatus, Target } from './target.ts';

export type DockerTargetOptions = {
  /** Unix socket of the Docker or Podman engine. */
  readonly socketPath: string;
  /** The name under which deploys ask for this engine. */
  readonly provider: ContainerProvider;
  readonly secretFiles: SecretFiles;
  /** A static busybox on the engine's host, lent to images without a shell for secrets by stdin. */
  readonly lentShellPath?: string;
};

/** How often a wait for an exit is checked against inspect: the wait may hang when the engine dies, or answer too early. */
const LOOK_EVERY_MS = 15_000;

/** Docker and Podman, through the one API that both speak. */
export class DockerTarget implements Target {
  readonly capabilities: Capabilities = {
    healthchecks: false,
    replicas: 1,
    secretDelivery: ['file', 'env'],
    restart: ['never', 'on-failure', 'always'],
  };
  readonly provider: ContainerProvider;
  readonly #client: EngineClient;
  readonly #secretFiles: SecretFiles;
  readonly #lentShellPath: string | undefined;

  constructor({ socketPath, provider, secretFiles, lentShellPath }: DockerTargetOptions) {
    this.provider = provider;
    this.#client = new EngineClient(socketPath);
    this.#secretFiles = secretFiles;
    this.#lentShellPath = lentShellPath;
  }

  plan(deploy: DeploySpec, options: PlanOptions): ContainerPlan {
    return planContainer(deploy, options);
  }

  /** Version of the engine that answers. @throws TargetError `ENGINE_UNREACHABLE` */
  async ping(): Promise<string> {
    const { Version } = await this.#client.ask('ping', (engine) => engine.version());
    return Version;
  }

  async apply(spec: RunSpec, secrets: readonly Secret[], signal?: AbortSignal): Promise<RunStatus> {
    checkSecrets(spec, secrets);
    try {
      if (spec.secretDelivery === 'file' && secrets.length > 0)
        await this.#secretFiles.write(spec.run, secrets, spec.user);
      return (await this.#find(spec.run)) ?? (await this.#create(spec, signal));
    } catch (cause) {
      const error = toTargetError('create', cause);
      // an unknown outcome may have left a container that needs its files
      if (error.code !== 'ENGINE_UNREACHABLE') await this.#secretFiles.remove(spec.run);
      throw error;
    }
  }

  async start(spec: RunSpec, container: string, secrets: readonly Secret[]): Promise<RunStatus> {
    if (isHandoff(spec)) checkSecrets(spec, secrets);
    try {
      const before = await this.status(container);
      if (before?.state === 'running') return before;
      await (isHandoff(spec) ? this.#startWithSecrets(container, secrets) : this.#start(container));
      return (await this.status(container)) ?? gone(container);
    } catch (cause) {
      const error = toTargetError('start', cause);
      if (error.code !== 'ENGINE_UNREACHABLE') await this.remove(container, spec.run);
      throw error;
    }
  }

  async status(container: string): Promise<RunStatus | null> {
    const inspected = await this.#client.inspect(container);
    return inspected === null ? null : toRunStatus(inspected);
  }

  async exited(container: string, signal: AbortSignal): Promise<RunStatus | null> {
    for (;;) {
      signal.throwIfAborted();
      const status = await this.status(container);
      if (status === null || status.state !== 'running') return status;
      await this.#client.waitForExit(
        container,
        AbortSignal.any([signal, AbortSignal.timeout(LOOK_EVERY_MS)]),
      );
    }
  }

  async stop(container: string, timeoutMs: number): Promise<RunStatus | null> {
    const t = Math.ceil(timeoutMs / 1000);
    await nullIfGone(
      this.#client.ask('stop', (engine) => settle(engine.getContainer(container).stop({ t })), timeoutMs),
    );
    return this.status(container);
  }

  async remove(container: string, run: Run): Promise<void> {
    await nullIfGone(
      this.#client.ask('remove', (engine) =>
        engine.getContainer(container).remove({ force: true, v: false }),
      ),
    );
    await this.#secretFiles.remove(run);
  }

  async recover(owner: Owner): Promise<readonly RunStatus[]> {
    const filters = { label: labelsOf(owner) };
    const listed = await this.#client.ask('list', (engine) => engine.listContainers({ all: true, filters }));
    const found: RunStatus[] = [];
    for (const { Id } of listed) {
      const status = await this.status(Id);
      if (status !== null) found.push(status);
    }
    return found;
  }

  async *watch(owner: Owner, signal: AbortSignal): AsyncGenerator<EngineHint> {
    const filters = { type: ['container' as const], label: labelsOf(owner) };
    const stream = await this.#client.ask('events', (engine) =>
      engine.getEvents({ filters, abortSignal: signal }),
    );
    try {
      for await (const event of readJsonLines(readBytes(stream))) {
        const hint = toHint(event);
        if (hint !== null) yield hint;
      }
    } catch (cause) {
      if (!signal.aborted) throw toTargetError('events', cause);
    }
  }

  async *logs(container: string, { follow, tail, signal }: LogOptions): AsyncGenerator<LogChunk> {
    const shared = { stdout: true, stderr: true, tail, abortSignal: signal };
    if (!follow) {
      const whole = await this.#client.ask('logs', (engine) =>
        engine.getContainer(container).logs({ ...shared, follow: false }),
      );
      yield* readLogFrames([whole]);
      return;
    }
    const stream = await this.#client.ask('logs', (engine) =>
      engine.getContainer(container).logs({ ...shared, follow: true }),
    );
    try {
      yield* readLogFrames(readBytes(stream));
    } catch (cause) {
      if (!signal.aborted) throw toTargetError('logs', cause);
    }
  }

  /** The container of this very run, if an earlier attempt made it. @throws TargetError `NAME_TAKEN` when it is somebody else's */
  async #find(run: Run): Promise<RunStatus | null> {
    const name = containerName(run);
    const inspected = await this.#client.inspect(name);
    if (inspected === null) return null;
    const status = toRunStatus(inspected);
    if (status !== null && isSameRun(status.run, run)) return status;
    throw new TargetError('NAME_TAKEN', `another container is called ${name}: remove it`);
  }

  async #create(spec: RunSpec, signal?: AbortSignal): Promise<RunStatus> {
    const image = await this.#image(spec.image, signal);
    let container = await this.#createOnce(spec, { shell: 'image', image });
    if (isHandoff(spec) && !(await this.#hasShell(container))) {
      await this.remove(container, spec.run);
      container = await this.#createOnce(spec, {
        shell: 'lent',
        lentShellPath: await this.#lentShell(spec.image),
        image,
      });
    }
    return (await this.status(container)) ?? gone(container);
  }

  async #createOnce(spec: RunSpec, context: CreateContext): Promise<string> {
    const { id } = await this.#client.ask('create', (engine) =>
      engine.createContainer(toCreateOptions(spec, context)),
    );
    return id;
  }

  async #start(container: string): Promise<void> {
    await this.#client.ask('start', (engine) => settle(engine.getContainer(container).start()));
  }

  async #startWithSecrets(container: string, secrets: readonly Secret[]): Promise<void> {
    // before the start, so that the first bytes the process reads are these
    const stdin = await attachStdin(this.#client.socketPath, container);
    const bytes = formatHandoff(secrets);
    try {
      await this.#start(container);
      await stdin.hand(bytes);
    } finally {
      bytes.fill(0);
      stdin.close();
    }
  }

  /** What the image runs by itself; pulled once where the host lacks it. */
  async #image(name: string, signal?: AbortSignal): Promise<ImageDefaults> {
    const look = async () => {
      const { Config } = await this.#client.ask('image', (engine) =>
        engine.getImage(withTag(name)).inspect(),
      );
      return {
        entrypoint: toWords(Config.Entrypoint),
        command: toWords(Config.Cmd),
        hasSearchPath: toWords(Config.Env).some((variable) => variable.startsWith('PATH=')),
      };
    };
    try {
      return await look();
    } catch (cause) {
      if (!(cause instanceof TargetError) || cause.code !== 'IMAGE_UNAVAILABLE') throw cause;
    }
    await this.#client.ask('pull', (engine) => pullImage(engine, name, signal), PULL_WITHIN_MS);
    return look();
  }

  async #hasShell(container: string): Promise<boolean> {
    try {
      await this.#client.ask('look for a shell', async (engine) => {
        const answer: Readable = await engine.getContainer(container).infoArchive({ path: '/bin/sh' });
        answer.resume();
      });
      return true;
    } catch (cause) {
      if (cause instanceof TargetError && cause.code !== 'ENGINE_UNREACHABLE') return false;
      throw cause;
    }
  }

  async #lentShell(image: string): Promise<string> {
    const path = this.#lentShellPath;
    const isThere =
      path !== undefined &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ));
    if (isThere) return path;
    throw new TargetError(
      'SHELL_MISSING',
      `${image} has no /bin/sh to read secrets from stdin: use secret_delivery file, or lend the runner's images a static busybox`,
    );
  }
}

/** The deploy's own deadline is nearly always shorter. */
const PULL_WITHIN_MS = 60 * 60_000;

function isHandoff(spec: RunSpec): boolean {
  return spec.secretDelivery === 'env' && spec.secrets.length > 0;
}

function checkSecrets(spec: RunSpec, secrets: readonly Secret[]): void {
  const given = new Set(secrets.map(({ variable }) => variable));
  const missing = spec.secrets.filter(({ variable }) => !given.has(variable));
  if (missing.length > 0 || given.size !== spec.secrets.length) {
    throw new TargetError('BAD_RUN', 'the secrets given are not the secrets the container waits for');
  }
}

function isSameRun(one: Run, other: Run): boolean {
  return (
    one.tenant === other.tenant &&
    one.runner === other.runner &&
    one.deploy === other.deploy &&
    one.lease === other.lease &&
    one.specHash === other.specHash
  );
}

function gone(container: string): never {
  throw new TargetError('NOT_FOUND', `container ${container.slice(0, 12)} was removed by somebody else`);
}

function labelsOf({ tenant, runner }: Owner): string[] {
  return [`${LABELS.tenant}=${tenant}`, `${LABELS.runner}=${runner}`];
}

/** An image's entrypoint or command: absent, one word or several. */
function toWords(value: string | readonly string[] | null | undefined): readonly string[] {
  if (value === null || value === undefined || value === '') return [];
  return typeof value === 'string' ? [value] : value;
}

function toHint(event: unknown): EngineHint | null {
  if (typeof event !== 'object' || event === null || !('Action' in event) || !('Actor' in event)) return null;
  const { Action, Actor } = event;
  if (typeof Action !== 'string' || typeof Actor !== 'object' || Actor === null || !('ID' in Actor))
    return null;
  return typeof Actor.ID === 'string' ? { container: Actor.ID, action: Action } : null;
}

async function* readBytes(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (chunk instanceof Uint8Array) yield chunk;
  }
}
