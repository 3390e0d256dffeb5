import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeploySpec } from '@logline/contracts';
import Docker from 'dockerode';
import { DockerTarget, forRun, planContainer, type Run, type RunSpec, type RunStatus, SecretFiles } from '../src/index.ts';

export type EngineUnderTest = { readonly provider: 'docker' | 'podman'; readonly socketPath: string; readonly engine: Docker };

/** Made from nothing but the busybox of this machine; no registry is asked. */
export const IMAGE = 'localhost/logline-targets-test:latest';
/** The same, with nothing but the busybox: no /bin/sh. */
export const SHELL_LESS_IMAGE = 'localhost/logline-targets-test-bare:latest';
export const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path) && isStatic(path));

const SOCKETS = {
  docker: [process.env['LOGLINE_TEST_DOCKER_SOCKET'], '/var/run/docker.sock'],
  podman: [process.env['LOGLINE_TEST_PODMAN_SOCKET'], '/run/podman/podman.sock'],
};

/** The engine of this machine; without one, the reason. */
export async function findEngine(provider: 'docker' | 'podman'): Promise<EngineUnderTest | string> {
  if (BUSYBOX === undefined) return 'no static busybox to make an image from';
  const socketPath = SOCKETS[provider].find((path) => path !== undefined && existsSync(path));
  if (socketPath === undefined) return `no ${provider} socket (set LOGLINE_TEST_${provider.toUpperCase()}_SOCKET)`;
  const engine = new Docker({ socketPath });
  try {
    const { Components = [] } = await engine.version();
    const isPodman = Components.some(({ Name }) => Name.includes('Podman'));
    if (isPodman !== (provider === 'podman')) return `${socketPath} is no ${provider}`;
  } catch {
    return `nobody answers at ${socketPath}`;
  }
  await importImage(engine, IMAGE, ['sh', 'cat', 'sleep', 'env', 'nc', 'id', 'grep', 'touch', 'ls', 'true', 'stat', 'tail']);
  await importImage(engine, SHELL_LESS_IMAGE, []);
  return { provider, socketPath, engine };
}

async function importImage(engine: Docker, image: string, applets: readonly string[]): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'logline-image-'));
  try {
    chmodSync(root, 0o755); // the container's user must be able to enter its own root
    mkdirSync(join(root, 'bin'));
    mkdirSync(join(root, 'data'));
    chmodSync(join(root, 'data'), 0o777);
    cpSync(BUSYBOX ?? '', join(root, 'bin/busybox'));
    for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet));
    const tar = spawnSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 });
    const path = join(root, 'image.tar');
    await import('node:fs/promises').then(({ writeFile }) => writeFile(path, tar.stdout));
    const stream = await engine.importImage(path, { repo: image.replace(':latest', ''), tag: 'latest' });
    for await (const _ of stream) continue;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function isStatic(path: string): boolean {
  return !spawnSync('ldd', [path], { encoding: 'utf8' }).stdout.includes('=>');
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
    this.target = new DockerTarget({ ...under, secretFiles, lentShellPath: lend ? BUSYBOX : undefined });
  }

  static async open(under: EngineUnderTest, { lend = true }: { lend?: boolean } = {}): Promise<TargetUnderTest> {
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
  async run(spec: RunSpec, secrets: Readonly<Record<string, string>> = {}): Promise<{ status: RunStatus; output: string }> {
    const handed = toSecrets(secrets);
    const { container } = await this.target.apply(spec, handed);
    await this.target.start(spec, container, handed);
    const status = await this.target.exited(container, AbortSignal.timeout(60_000));
    if (status === null) throw new Error('it was removed');
    return { status, output: await this.output(container) };
  }

  async output(container: string): Promise<string> {
    let text = '';
    for await (const { bytes } of this.target.logs(container, { follow: false, signal: AbortSignal.timeout(30_000) })) {
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
  return Object.entries(secrets).map(([variable, value]) => ({ variable, value: new TextEncoder().encode(value) }));
}
