import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EngineError,
  findContainerEngine,
  startOwnDocker,
  startOwnPodman,
  type EngineKind,
} from '@logline/engines';

export type TestContainerEngine = {
  readonly kind: EngineKind;
  readonly socketPath: string;
  /** Ends an engine that was started for the test, with all its containers and files; leaves any other alone. */
  stop(): Promise<void>;
};

/** A real engine of that kind; without one, the reason. As root one of our own, so that nobody else's containers are near. Installs nothing. */
export async function startContainerEngine(kind: EngineKind): Promise<TestContainerEngine | string> {
  const report = (): void => undefined;
  if (process.getuid?.() !== 0) {
    const found = await findContainerEngine({ report, allowInstall: false });
    if ('socketPath' in found && found.kind === kind)
      return { kind, socketPath: found.socketPath, stop: async () => undefined };
    if (kind === 'docker') return 'no Docker answers, and only root can start one';
  }
  const dir = await mkdtemp(join(tmpdir(), `logline-${kind}-`));
  const start = kind === 'docker' ? startOwnDocker : startOwnPodman;
  try {
    const engine = await start({ dir, report, allowInstall: false });
    const stop = async (): Promise<void> => {
      await engine.stop();
      await rm(dir, { recursive: true, force: true });
    };
    return { kind, socketPath: engine.socketPath, stop };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    if (error instanceof EngineError) return error.message;
    throw error;
  }
}
