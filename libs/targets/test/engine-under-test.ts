import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeploySpec } from '@logline/contracts';
import { buildScratchImage, findStaticBusybox } from '@logline/engines';
import { startContainerEngine } from '@logline/testing';
import Docker from 'dockerode';
import {
  DockerTarget,
  forRun,
  planContainer,
  type Run,
  type RunSpec,
  type RunStatus,
  SecretFiles,
} from '../src/index.ts';

export type EngineUnderTest = {
  readonly provider: 'docker' | 'podman';
  readonly socketPath: string;
  readonly engine: Docker;
  /** A static busybox of this machine. */
  readonly busyboxPath: string;
  stop(): Promise<void>;
};

/** Made from nothing but a static busybox; no registry is asked. */
export const IMAGE = 'localhost/logline-targets-test:1';
/** The same, with nothing but the busybox: no /bin/sh. */
export const SHELL_LESS_IMAGE = 'localhost/logline-targets-test-bare:1';

const APPLETS = ['sh', 'cat', 'sleep', 'env', 'nc', 'id', 'grep', 'touch', 'ls', 'true', 'stat', 'tail'];

/** An engine with the images of these tests; without one, the reason. */
export async function startEngine(provider: 'docker' | 'podman'): Promise<EngineUnderTest | string> {
  const busyboxPath = await findStaticBusybox({
    cacheDir: join(tmpdir(), 'logline-test-cache'),
    report: () => undefined,
  });
  if (busyboxPath === null) return 'no static busybox to make an image from';
  const started = await startContainerEngine(provider);
  if (typeof started === 'string') return started;
  const { socketPath, stop } = started;
  const busybox = { path: '/bin/busybox', mode: 0o755, bytes: readFileSync(busyboxPath) };
  const links = APPLETS.map((applet) => ({ path: `/bin/${applet}`, linkTo: 'busybox' }));
  await buildScratchImage(socketPath, IMAGE, {
    files: [busybox, ...links],
    directories: ['/data'],
    entrypoint: [],
    user: '65532:65532',
  });
  await buildScratchImage(socketPath, SHELL_LESS_IMAGE, { files: [busybox], entrypoint: [] });
  return { provider, socketPath, engine: new Docker({ socketPath }), busyboxPath, stop };
}

/** A target with a secrets directory of its own, and runs that are cleaned up. */
export class TargetUnderTest {
  readonly target: DockerTarget;
  readonly secretFiles: SecretFiles;
  readonly under: EngineUnderTest;
  readonly tenant: string = `t${Math.random().toString(36).slice(2, 10)}`;
  #lease = 0;

  private constructor(under: EngineUnderTest, secretFiles: SecretFiles, lend: boolean) {
    this.under = under;
    this.secretFiles = secretFiles;
    this.target = new DockerTarget({
      ...under,
      secretFiles,
      lentShellPath: lend ? under.busyboxPath : undefined,
    });
  }

  static async open(
    under: EngineUnderTest,
    { lend = true }: { lend?: boolean } = {},
  ): Promise<TargetUnderTest> {
    const root = `/dev/shm/logline-test-${process.pid}-${Math.random().toString(36).slice(2)}`;
    return new TargetUnderTest(under, await SecretFiles.open(root), lend);
  }

  /** A run of its own for what the manifest says. */
  spec(deploy: Partial<DeploySpec>, allow = {}): RunSpec {
    const plan = planContainer(
      { engine: 'container', image: IMAGE, targets: [{ provider: this.under.provider }], ...deploy },
      { allow, provider: this.under.provider },
    );
    if (!plan.ok) throw new Error(plan.refusals.map(({ message }) => message).join('; '));
    const run: Run = {
      tenant: this.tenant,
      name: 'hello',
      ref: `mc:${this.tenant}/hello@blake3:${'0'.repeat(64)}`,
      deploy: 'urn:span:01890a5d-ac96-774b-bcce-b302099a8057',
      lease: ++this.#lease,
      runner: 'edge-1',
      specHash: `blake3:${'1'.repeat(64)}`,
    };
    return forRun(plan.spec, run, this.secretFiles.directoryOf(run));
  }

  /** Runs it to its end. */
  async run(
    spec: RunSpec,
    secrets: Readonly<Record<string, string>> = {},
  ): Promise<{ status: RunStatus; output: string }> {
    const handed = toSecrets(secrets);
    const { container } = await this.target.apply(spec, handed);
    await this.target.start(spec, container, handed);
    const status = await this.target.exited(container, AbortSignal.timeout(60_000));
    if (status === null) throw new Error('it was removed');
    return { status, output: await this.output(container) };
  }

  async output(container: string): Promise<string> {
    let text = '';
    for await (const { bytes } of this.target.logs(container, {
      follow: false,
      signal: AbortSignal.timeout(30_000),
    })) {
      text += new TextDecoder().decode(bytes);
    }
    return text;
  }

  async close(): Promise<void> {
    for (const { container, run } of await this.target.recover({ tenant: this.tenant, runner: 'edge-1' })) {
      await this.target.remove(container, run);
    }
    rmSync(this.secretFiles.root, { recursive: true, force: true });
  }
}

export function toSecrets(secrets: Readonly<Record<string, string>>) {
  return Object.entries(secrets).map(([variable, value]) => ({
    variable,
    value: new TextEncoder().encode(value),
  }));
}
