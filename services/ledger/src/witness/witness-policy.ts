import { type CosignerKey, formatCosignerKey, isQuorum, parsePolicy, TlogError } from '@logline/tlog';
import { LedgerError } from '../errors.ts';

/** A witness that is asked. */
export type Witness = {
  /** Of the policy. */
  readonly name: string;
  readonly key: CosignerKey;
  /** The key as text: what is stored. */
  readonly id: string;
  /** Submission prefix, without a slash at its end. */
  readonly url: string;
};

export type WitnessPolicy = {
  readonly witnesses: readonly Witness[];
  /** Whether the witnesses of these names are enough. With `quorum none`, any one of them is. */
  readonly isQuorum: (names: readonly string[]) => boolean;
  /** Whether the log is sent to witnesses at all. */
  readonly concerns: (origin: string) => boolean;
};

/**
 * @throws LedgerError `BAD_POLICY` when the file is no policy, a witness has no URL to ask, or all witnesses together are no quorum
 */
export function parseWitnessPolicy(text: string, path: string): WitnessPolicy {
  const bad = (why: string, options?: ErrorOptions) =>
    new LedgerError('BAD_POLICY', `${path}: ${why}`, options);
  try {
    const policy = parsePolicy(text);
    const witnesses = policy.witnesses.flatMap(({ name, key, url }): Witness[] => {
      if (key === null) return []; // ML-DSA-44: its cosignatures cannot be verified here
      if (url === null || !/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
        throw bad(`the witness ${name} needs the http(s) URL it is asked at, behind its key`);
      return [{ name, key, id: formatCosignerKey(key.name, key.cosignerKey), url: url.replace(/\/+$/, '') }];
    });
    if (witnesses.length === 0) throw bad('it names no witness whose cosignatures can be verified here');
    const enough = (names: readonly string[]): boolean => names.length > 0 && isQuorum(policy, names);
    if (!enough(witnesses.map(({ name }) => name)))
      throw bad('its quorum cannot be reached by the witnesses whose cosignatures can be verified here');
    const origins = new Set(policy.logs.map(({ vkey }) => vkey.name));
    return {
      witnesses,
      isQuorum: enough,
      concerns: (origin) => origins.size === 0 || origins.has(origin),
    };
  } catch (cause) {
    if (cause instanceof TlogError) throw bad(cause.message, { cause });
    throw cause;
  }
}
