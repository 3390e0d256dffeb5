import { EXIT, type ExitCode } from './exit-codes.ts';

/** What goes wrong on this side of the wire, each with its exit code. */
export const CLI_FAULTS = {
  USAGE: EXIT.usage,
  NOT_FOUND: EXIT.negative,
  NOT_VERIFIED: EXIT.negative,
  AUTH_NEEDED: EXIT.auth,
  UNSAFE_FILE: EXIT.auth,
  INVALID_INPUT: EXIT.invalid,
  CONFLICT: EXIT.conflict,
  UNREACHABLE: EXIT.temporary,
  TIMED_OUT: EXIT.timeout,
  INTERRUPTED: EXIT.interrupted,
  FAILED: EXIT.failure,
} as const satisfies Record<string, ExitCode>;
export type CliErrorCode = keyof typeof CLI_FAULTS;

/** A failure with what the person can do about it. Never holds a secret. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;
  readonly fix: string | undefined;
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions & { readonly fix?: string }) {
    super(message, options);
    this.code = code;
    this.fix = options?.fix;
  }
  get exitCode(): ExitCode {
    return CLI_FAULTS[this.code];
  }
}

/** An answer that is already printed; only the exit code is left to give. */
export class Exit extends Error {
  override readonly name = 'Exit';
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}
