import { formatHex, type LocalSigner, parseHex, signerFromSeed, utf8 } from '@logline/canon-sign';
import { formatCosignerKey, parsePolicy, TlogError, type Vkey } from '@logline/tlog';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import { createPrivate, readIfThere, readInput, readPrivate, writePublic } from '../files.ts';
import { readJsonObject, stringField } from '../json-file.ts';

/**
 * What a witness is, in one folder: `witness.key` (0600), `witness.vkey` (what others pin), `policy` (the logs it watches) and
 * `state/` (what it has cosigned). `state/` must never be emptied or brought back from an older copy: the witness would cosign a
 * second history. So it is made with the key and never later, and it says whose it is.
 */
export type WitnessFolder = {
  readonly path: string;
  readonly statePath: string;
  readonly policyPath: string;
};

export type WitnessKey = { readonly name: string; readonly signer: LocalSigner };

export function witnessFolder(path: string): WitnessFolder {
  return { path, statePath: join(path, 'state'), policyPath: join(path, 'policy') };
}

/**
 * Makes key, state and an empty policy.
 * @throws CliError `CONFLICT` when there is a key already; `INVALID_INPUT` for a name that no key can have
 */
export async function createWitness(
  { path, statePath, policyPath }: WitnessFolder,
  name: string,
  seed: Uint8Array,
): Promise<string> {
  const vkey = vkeyOf({ name, signer: signerFromSeed('witness', seed) });
  await createPrivate(
    join(path, 'witness.key'),
    utf8(`${JSON.stringify({ name, seed: formatHex(seed) }, null, 2)}\n`),
  );
  await writePublic(join(path, 'witness.vkey'), utf8(`${vkey}\n`));
  await mkdir(statePath, { recursive: true, mode: 0o700 });
  await writePublic(join(statePath, OWNER), utf8(`${vkey}\n`));
  if ((await readIfThere(policyPath)) === null) await writePublic(policyPath, utf8(EMPTY_POLICY));
  return vkey;
}

/** Whose state it is. */
const OWNER = 'witness.vkey';

const EMPTY_POLICY = `# The logs this witness watches, each by the key that signs its checkpoints (C2SP tlog-policy):
#   log <vkey>
# A log whose key is being changed has a line for the old key and one for the new. SIGHUP reads this file again.
quorum none
`;

/**
 * The key, once it is sure that the state beside it is its own.
 * @throws CliError `NOT_FOUND`, `UNSAFE_FILE`, `INVALID_INPUT`
 */
export async function readWitness({ path, statePath }: WitnessFolder): Promise<WitnessKey> {
  const file = join(path, 'witness.key');
  const json = readJsonObject(await readPrivate(file, 'the witness key'), file);
  const name = stringField(json, 'name', file);
  const seed = stringField(json, 'seed', file);
  // the parser's words could quote the seed
  if (name === undefined || seed === undefined || !/^[0-9a-f]{64}$/.test(seed))
    throw new CliError('INVALID_INPUT', `${file} is not a witness key: {"name": "…", "seed": "<64 hex>"}`);
  const key = { name, signer: signerFromSeed('witness', parseHex(seed)) };
  const owner = await readIfThere(join(statePath, OWNER));
  if (owner === null || new TextDecoder().decode(owner).trim() !== vkeyOf(key))
    throw new CliError('INVALID_INPUT', `${statePath} is not the state of this key`, {
      fix: 'bring back the newest state of this key; if it is lost, end the key: logline witness init makes another in a new folder',
    });
  return key;
}

/** @throws CliError `INVALID_INPUT` for a name that no key can have */
export function vkeyOf({ name, signer }: WitnessKey): string {
  try {
    return formatCosignerKey(name, signer.publicKey);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError(
      'INVALID_INPUT',
      `${JSON.stringify(name)} cannot be the name of a key: ${cause.message}`,
      {
        cause,
        fix: 'use a name like witness.example.org/w1',
      },
    );
  }
}

/**
 * The logs to watch, by origin, with the keys that speak for each.
 * @throws CliError `NOT_FOUND`, `INVALID_INPUT`
 */
export async function readLogs({ policyPath }: WitnessFolder): Promise<ReadonlyMap<string, readonly Vkey[]>> {
  const bytes = await readInput(policyPath);
  try {
    const { logs } = parsePolicy(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const byOrigin = new Map<string, Vkey[]>();
    for (const { vkey } of logs) byOrigin.set(vkey.name, [...(byOrigin.get(vkey.name) ?? []), vkey]);
    return byOrigin;
  } catch (cause) {
    if (!(cause instanceof TlogError || cause instanceof TypeError)) throw cause;
    throw new CliError('INVALID_INPUT', `${policyPath}: ${cause.message}`, { cause });
  }
}
