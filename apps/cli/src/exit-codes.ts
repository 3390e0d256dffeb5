import type { CanonicalCode } from '@logline/contracts';

/** What a script may rely on (`logline help exit-codes`). */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** Nothing there, or a verification that says no. */
  negative: 3,
  /** A token, key, passphrase or proof is needed. */
  auth: 4,
  /** The input is malformed, or a signature does not verify. */
  invalid: 5,
  conflict: 6,
  /** Not now; the same command may be run again. */
  temporary: 7,
  /** `--timeout` passed. */
  timeout: 8,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_STATUS: Readonly<Record<number, ExitCode>> = {
  400: EXIT.invalid,
  401: EXIT.auth,
  403: EXIT.auth,
  404: EXIT.negative,
  409: EXIT.conflict,
  413: EXIT.invalid,
  415: EXIT.invalid,
  422: EXIT.invalid,
  428: EXIT.auth,
  429: EXIT.temporary,
  503: EXIT.temporary,
};

/** Of an answer by its HTTP status; 1 for what is nobody's fault on this side. */
export function exitCodeOfStatus(status: number): ExitCode {
  return status < 400 ? EXIT.ok : (BY_STATUS[status] ?? EXIT.failure);
}

export function exitCodeOf(code: CanonicalCode): ExitCode {
  return exitCodeOfStatus(Number(code.slice(0, 3))); // a canonical code begins with its status
}
