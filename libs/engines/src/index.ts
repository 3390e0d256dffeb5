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
