export { ENGINE_FAULTS, EngineError } from './errors.ts';
export type { EngineErrorCode } from './errors.ts';
export { readEnvironment } from './config.ts';
export type { EngineEnvironment } from './config.ts';

export { isProcessAlive, readProcessStart } from './process/identity.ts';
export { findFreePort } from './process/ports.ts';
export { superviseProcess, stopProcess } from './process/supervise.ts';
export type { ProcessExit, ProcessHandle, ProcessOptions, StopOptions } from './process/supervise.ts';

export { findNatsServer } from './nats/find.ts';
export type { FindNatsOptions, NatsBinary } from './nats/find.ts';
export { toNatsConfig } from './nats/config.ts';
export type { NatsConfigOptions, NatsSubjects, NatsUser } from './nats/config.ts';
export { startNats, stopNats } from './nats/start.ts';
export type { NatsHandle, StartNatsOptions } from './nats/start.ts';

export { removePostgres, startPostgres, stopPostgres, useExternalPostgres } from './postgres/start.ts';
export type { PostgresHandle, StartPostgresOptions } from './postgres/start.ts';

export { findContainerEngine } from './containers/find.ts';
export type {
  ContainerEngine,
  EngineKind,
  FindContainerEngineOptions,
  NoContainerEngine,
} from './containers/find.ts';
export { ensureContainerEngine, stopContainerEngine } from './containers/ensure.ts';
export type { EnsuredEngine } from './containers/ensure.ts';
export { startOwnDocker, stopDocker } from './containers/docker.ts';
export type { OwnEngine, OwnEngineOptions } from './containers/docker.ts';
export { startOwnPodman, stopPodman } from './containers/podman.ts';
export { buildScratchImage } from './containers/scratch-image.ts';
export type { BuiltImage, ImageFile, ImageOptions } from './containers/scratch-image.ts';
export { findStaticBusybox } from './containers/busybox.ts';
export { ensureHelloImage } from './containers/hello-image.ts';
export type { HelloImageOptions } from './containers/hello-image.ts';
