import Docker from 'dockerode';

/** The runner of this machine. */
export const RUNNER = 'local';

/** Seconds a container may take to end by itself. */
const STOP_WITHIN_S = 10;

/**
 * Ends the containers that this installation's runner has started in an engine that is not ours and goes on without us. An engine
 * of our own takes its containers with it.
 */
export async function clearContainers(
  engine: { readonly kind: string; readonly socketPath: string; readonly pid?: number | undefined },
  report: (line: string) => void,
): Promise<void> {
  if (engine.pid !== undefined) return;
  const docker = new Docker({ socketPath: engine.socketPath });
  const ours = await docker.listContainers({
    all: true,
    filters: { label: [`minicontainer.runner=${RUNNER}`] },
  });
  await Promise.all(
    ours.map(async ({ Id }) => {
      const container = docker.getContainer(Id);
      // one that has ended, or is gone, needs no stop
      await container.stop({ t: STOP_WITHIN_S }).catch(() => undefined);
      await container
        .remove({ force: true })
        .catch((error: unknown) => report(`a container stays: ${String(error)}`));
    }),
  );
  if (ours.length > 0)
    report(`ended ${ours.length} container${ours.length === 1 ? '' : 's'} in ${engine.kind}`);
}
