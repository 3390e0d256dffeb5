import { formatHex } from '@logline/canon-sign';
import { type CosignerKey, parseCosignerKey } from './cosignature.ts';
import { TlogError } from './errors.ts';
import { decodeBase64, keyIdOf, parseVkey, type Vkey } from './note.ts';

/** Type byte of ML-DSA-44 cosigners, which a policy may name and whose cosignatures are not verified here. */
const ML_DSA_44 = 0x06;
const ML_DSA_44_KEY_BYTES = 1312;

const MAX_POLICY_LENGTH = 1_000_000;
const MAX_LINES = 20_000;

/** A log, by the key that speaks for it; `vkey.name` is its origin. */
export interface PolicyLog {
  readonly vkey: Vkey;
  /** Null when the policy gives none. */
  readonly url: string | null;
}

export interface PolicyWitness {
  /** Of the policy, for its groups and quorum; the key has a name of its own. */
  readonly name: string;
  /** Null for a type of key (ML-DSA-44) whose cosignatures are ignored here: this witness never counts. */
  readonly key: CosignerKey | null;
  /** Where `add-checkpoint` is; null when the policy gives none. */
  readonly url: string | null;
}

/** Counts as one member once `threshold` of its members do. */
export interface PolicyGroup {
  readonly name: string;
  readonly threshold: number;
  readonly members: readonly string[];
}

/** Which logs and witnesses are known, and whose cosignatures are enough. */
export interface Policy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  /** Each after those it is made of. */
  readonly groups: readonly PolicyGroup[];
  /** A witness or a group; null when no cosignature is asked for (`quorum none`). */
  readonly quorum: string | null;
}

/**
 * Reads a policy file. One key may speak for several logs, as it does for the tenants of one ledger, where the spec
 * forbids it; the same log with the same key twice is refused, and so is one witness key under two names.
 *
 * @throws TlogError `MALFORMED_POLICY` that names the line; a key in it that is none is the error's cause
 * @see C2SP tlog-policy
 */
export function parsePolicy(text: string): Policy {
  if (text.length > MAX_POLICY_LENGTH) throw malformed(0, 'it is longer than any that is read');
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) throw malformed(0, `more than ${MAX_LINES} lines are not read`);
  const draft = new Draft();
  lines.forEach((line, at) => draft.read(line, at + 1));
  return draft.end();
}

/** Whether the witnesses of these names (`PolicyWitness.name`) are enough. */
export function isQuorum({ groups, quorum }: Policy, cosigners: Iterable<string>): boolean {
  if (quorum === null) return true;
  const counted = new Set(cosigners);
  for (const { name, threshold, members } of groups) {
    // a group is named nothing that a witness is, and stands behind its members
    if (members.filter((member) => counted.has(member)).length >= threshold) counted.add(name);
  }
  return counted.has(quorum);
}

class Draft {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #groups: PolicyGroup[] = [];
  readonly #names = new Set<string>();
  /** Of the keys seen, so that none counts twice. */
  readonly #keys = new Set<string>();
  readonly #members = new Set<string>();
  #quorum: string | null | undefined;

  read(line: string, at: number): void {
    // eslint-disable-next-line no-control-regex -- the spec forbids exactly these
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line)) throw malformed(at, 'it has a control character');
    const [keyword, ...items] = line.split(/[ \t]+/).filter((item) => item !== '');
    if (keyword === undefined || keyword.startsWith('#')) return;
    switch (keyword) {
      case 'log':
        return this.#log(items, at);
      case 'witness':
        return this.#witness(items, at);
      case 'group':
        return this.#group(items, at);
      case 'quorum':
        return this.#quorumLine(items, at);
    }
    throw malformed(at, 'it begins with none of log, witness, group, quorum');
  }

  end(): Policy {
    if (this.#quorum === undefined)
      throw new TlogError(
        'MALFORMED_POLICY',
        'the policy has no quorum line; without witnesses: quorum none',
      );
    return {
      logs: this.#logs,
      witnesses: this.#witnesses,
      groups: this.#groups,
      quorum: this.#quorum,
    };
  }

  #log([key, url, ...more]: readonly string[], at: number): void {
    if (key === undefined || more.length > 0) throw malformed(at, 'a log is: log <vkey> [<url>]');
    const vkey = atLine(at, () => parseVkey(key));
    this.#once(`${vkey.name} ${formatHex(vkey.publicKey)}`, at);
    this.#logs.push({ vkey, url: url ?? null });
  }

  #witness([name, key, url, ...more]: readonly string[], at: number): void {
    if (name === undefined || key === undefined || more.length > 0)
      throw malformed(at, 'a witness is: witness <name> <vkey> [<url>]');
    const witness = atLine(at, () => parseWitnessKey(key));
    this.#once(`witness ${formatHex(witness.publicKey)}`, at);
    this.#define(name, at);
    this.#witnesses.push({ name, key: witness.key, url: url ?? null });
  }

  #group([name, threshold, ...members]: readonly string[], at: number): void {
    if (name === undefined || threshold === undefined || members.length === 0)
      throw malformed(at, 'a group is: group <name> all|any|<k> <member>…');
    const needed = threshold === 'all' ? members.length : threshold === 'any' ? 1 : parseThreshold(threshold);
    if (needed < 1 || needed > members.length)
      throw malformed(at, `its threshold is not all, any, or a number from 1 to ${members.length}`);
    for (const member of members) {
      if (!this.#names.has(member)) throw malformed(at, `${member} is not defined on a line before`);
      if (this.#members.has(member)) throw malformed(at, `${member} is a member of a group already`);
      this.#members.add(member);
    }
    this.#define(name, at);
    this.#groups.push({ name, threshold: needed, members });
  }

  #quorumLine([name, ...more]: readonly string[], at: number): void {
    if (name === undefined || more.length > 0) throw malformed(at, 'a quorum is: quorum <name>|none');
    if (this.#quorum !== undefined) throw malformed(at, 'there is a quorum already');
    if (name !== 'none' && !this.#names.has(name))
      throw malformed(at, `${name} is not defined on a line before`);
    this.#quorum = name === 'none' ? null : name;
  }

  #define(name: string, at: number): void {
    if (name === 'none') throw malformed(at, 'none is no name: it stands for no quorum');
    if (this.#names.has(name)) throw malformed(at, `${name} is defined already`);
    this.#names.add(name);
  }

  #once(key: string, at: number): void {
    if (this.#keys.has(key)) throw malformed(at, 'its key is there already');
    this.#keys.add(key);
  }
}

function parseWitnessKey(text: string): { readonly key: CosignerKey | null; readonly publicKey: Uint8Array } {
  const [, name, keyId, base64] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,2000})$/.exec(text) ?? [];
  const bytes = base64 === undefined ? new Uint8Array(0) : decodeBase64(base64, 'MALFORMED_KEY');
  if (bytes[0] !== ML_DSA_44 || name === undefined) {
    const key = parseCosignerKey(text);
    return { key, publicKey: key.cosignerKey };
  }
  if (bytes.length !== 1 + ML_DSA_44_KEY_BYTES || keyIdOf(name, bytes) !== keyId)
    throw new TlogError('MALFORMED_KEY', 'the ML-DSA-44 key is of another length, or has another key id');
  return { key: null, publicKey: bytes };
}

function parseThreshold(text: string): number {
  return /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : 0;
}

function atLine<T>(at: number, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw malformed(at, cause.message, { cause });
  }
}

function malformed(at: number, why: string, options?: ErrorOptions): TlogError {
  const where = at === 0 ? 'the policy' : `line ${at} of the policy`;
  return new TlogError('MALFORMED_POLICY', `${where}: ${why}`, options);
}
