/** Why a service refuses to start. All are the operator's to mend. */
export const CONFIG_FAULTS = {
  BAD_CONFIG: 'fatal', // a key is missing, malformed, or unknown under the prefix; `faults` has them all
  BAD_SECRET_FILE: 'fatal', // a file that holds a secret is not there or empty
  BAD_KEY_FILE: 'fatal', // not a key file, or readable by others
} as const satisfies Record<string, 'rejected' | 'retryable' | 'fatal'>;
export type ConfigErrorCode = keyof typeof CONFIG_FAULTS;

/** One key of the environment and what is expected of it; never the value. */
export type ConfigFault = { readonly key: string; readonly expected: string };

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code: ConfigErrorCode;
  readonly faults: readonly ConfigFault[];
  constructor(
    code: ConfigErrorCode,
    message: string,
    options?: ErrorOptions & { readonly faults?: readonly ConfigFault[] },
  ) {
    super(message, options);
    this.code = code;
    this.faults = options?.faults ?? [];
  }
}
