export const LOCAL_FAULTS = {
  ALREADY_RUNNING: 'rejected', // another npm start holds this checkout
  NOT_READY: 'fatal', // a part did not come up in time; its log says why
  MIGRATION_FAILED: 'fatal', // tables could not be made
  COMMAND_FAILED: 'fatal', // a logline command of the main job ended with an error
  ENGINE_CHANGED: 'rejected', // registered for Docker, found Podman, or the other way
  NO_ENGINE: 'rejected', // no container engine, and none may be installed
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type LocalErrorCode = keyof typeof LOCAL_FAULTS;

export class LocalError extends Error {
  override readonly name = 'LocalError';
  readonly code: LocalErrorCode;
  constructor(code: LocalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
