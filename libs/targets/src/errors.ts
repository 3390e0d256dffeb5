/** What a target can answer instead of doing what it was asked; each is sorted once. */
export const TARGET_FAULTS = {
  BAD_RUN: 'rejected', // a run without what this target needs: an identity, a secrets directory, a secret that fits its delivery
  IMAGE_UNAVAILABLE: 'rejected', // not on the host, and pulling it failed
  PORT_CONFLICT: 'rejected', // a host port is taken; the created container was removed
  NAME_TAKEN: 'rejected', // another run's container has the deterministic name
  SHELL_MISSING: 'rejected', // secrets by stdin need /bin/sh in the image, or a static busybox lent by the runner
  SECRETS_UNSAFE: 'rejected', // the secrets directory is not on tmpfs, or somebody else can reach into it
  HANDOFF_FAILED: 'rejected', // the process was gone before it had read its secrets
  ENGINE_REFUSED: 'rejected', // the engine said no, in its own words
  NOT_FOUND: 'rejected', // no such container any more
  ENGINE_UNREACHABLE: 'retryable', // nobody answers at the socket, or the answer broke off: the outcome is unknown, look before acting
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type TargetErrorCode = keyof typeof TARGET_FAULTS;

export class TargetError extends Error {
  override readonly name = 'TargetError';
  readonly code: TargetErrorCode;
  constructor(code: TargetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
