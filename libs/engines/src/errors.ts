/** What went wrong with an engine, and what the caller's loop does about it: only fatal stops the start. */
export const ENGINE_FAULTS = {
  INVALID_OPTION: 'rejected', // the caller asked for something that cannot be; the same call fails again
  ALREADY_RUNNING: 'rejected', // somebody else's live engine holds this directory; stop it first
  PORT_BUSY: 'rejected', // the one port that was asked for is taken
  NATS_UNUSABLE: 'fatal', // the configured binary is no nats-server, or too old
  NATS_NOT_FOUND: 'fatal', // every way to get a nats-server failed; the message lists them
  POSTGRES_UNAVAILABLE: 'fatal', // no PostgreSQL binaries that run here, or no user to run them as
  CONTAINER_ENGINE_UNAVAILABLE: 'fatal', // no engine answers and none could be started
  NO_IMAGE_CONTENT: 'fatal', // nothing on this machine can be put into an image
  IMAGE_REFUSED: 'fatal', // the engine did not take the image
  START_FAILED: 'retryable', // the process ended before it was ready; the message has the end of its log
  START_TIMEOUT: 'retryable', // the process runs but did not become ready in time
  STOP_FAILED: 'fatal', // the process is still there after SIGKILL
  COMMAND_FAILED: 'retryable', // a tool that was called (apt-get, dpkg, iptables) said no
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;

export type EngineErrorCode = keyof typeof ENGINE_FAULTS;

export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineErrorCode;
  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
