import { blake3Hash, CanonError, canonicalBytes, type JsonValue, verifyObject } from '@logline/canon-sign';
import { checkerOf, parseSubject, Receipt } from '@logline/contracts';
import {
  leafHash,
  parseProof,
  TlogError,
  type TlogProof,
  verifyCheckpoint,
  logKeyAt,
  type LogKeys,
  unknownKeyIds,
  verifyInclusion,
  verifyReceiptInTime,
} from '@logline/tlog';
import { CliError } from '../errors.ts';
import { isObject } from '../json-file.ts';

export type ReceiptStep = {
  readonly name: 'span' | 'receipt' | 'proof' | 'checkpoint' | 'inclusion' | 'all';
  readonly outcome: 'ok' | 'failed' | 'unchecked';
  readonly detail: string;
};

const receiptChecker = checkerOf(Receipt);

/** The receipt in a receipt, an ack, `{span, receipt}` or what a command printed with `--json`; and the span where it came along. @throws CliError `INVALID_INPUT` */
export function findEvidence(value: JsonValue): {
  readonly receipt: Receipt;
  readonly span: JsonValue | undefined;
} {
  if (receiptChecker.check(value)) return { receipt: value, span: undefined };
  const list: readonly JsonValue[] = Array.isArray(value) ? value : [value];
  for (const item of list) {
    if (!isObject(item)) continue;
    const { receipt, span } = item;
    if (receiptChecker.check(receipt)) return { receipt, span };
    if (receipt !== undefined) {
      const [fault] = receiptChecker.faults(receipt);
      throw new CliError(
        'INVALID_INPUT',
        `the receipt is malformed: ${fault?.pointer ?? ''} ${fault?.message ?? ''}`,
      );
    }
  }
  const [fault] = receiptChecker.faults(value);
  throw new CliError(
    'INVALID_INPUT',
    `there is no receipt in it${fault === undefined ? '' : `: ${fault.pointer} ${fault.message}`}`,
    {
      fix: 'give a receipt, an ack that has one, or {"span": …, "receipt": …}',
    },
  );
}

/** Every step of protocol §10 by itself, so that a person sees which one does not hold; then all at once, by the same function that commands use. */
export function explainReceipt(receipt: Receipt, span: unknown, keys: LogKeys): readonly ReceiptStep[] {
  const steps: ReceiptStep[] = [];
  const vkey = logKeyAt(keys, Date.parse(receipt.ts));
  const proof = attempt(() => parseProof(receipt.merkle));
  const bytes = spanBytesOf(span);
  steps.push(spanStep(receipt, bytes, span));
  steps.push(
    step('receipt', () => {
      if (vkey.name !== receipt.log)
        throw new TlogError(
          'UNKNOWN_KEY',
          `the key is of the log ${vkey.name}, the receipt of ${receipt.log}`,
        );
      const fault = attempt(() => verifyObject('receipt', receipt, vkey.publicKey));
      if (fault instanceof Error) throw otherKey(proof, keys, fault);
      return `signed by the key of ${receipt.log}${keys.length > 1 ? ` at ${receipt.ts}, ${vkey.keyId}` : ''}`;
    }),
  );
  steps.push(proofStep(receipt, proof));
  if (proof instanceof Error) return steps;
  const checkpoint = attempt(() =>
    verifyCheckpoint(proof.checkpoint, { origin: receipt.log, vkeys: [vkey] }),
  );
  steps.push(
    checkpoint instanceof Error
      ? { name: 'checkpoint', outcome: 'failed', detail: reasonOf(checkpoint) }
      : {
          name: 'checkpoint',
          outcome: 'ok',
          detail: `of ${checkpoint.size} entries, signed by the key of ${checkpoint.origin}`,
        },
  );
  if (checkpoint instanceof Error) return steps;
  if (bytes === null) {
    steps.push({ name: 'inclusion', outcome: 'unchecked', detail: 'needs the span: add --span <file>' });
    return steps;
  }
  steps.push(
    step('inclusion', () => {
      verifyInclusion(
        { index: proof.index, size: checkpoint.size, leafHash: leafHash(bytes), proof: proof.hashes },
        checkpoint.root,
      );
      return `entry ${proof.index} is under the root of the checkpoint, by ${proof.hashes.length} hash${proof.hashes.length === 1 ? '' : 'es'}`;
    }),
  );
  // the steps above explain; this is the verdict, by the one function everything else relies on
  const whole = attempt(() => verifyReceiptInTime({ receipt, spanBytes: bytes }, keys));
  if (whole instanceof Error && steps.every(({ outcome }) => outcome === 'ok'))
    steps.push({ name: 'all', outcome: 'failed', detail: reasonOf(whole) });
  return steps;
}

/** Which key would be needed, where the log itself has signed the checkpoint by one that is not known here. */
function otherKey(proof: TlogProof | Error, keys: LogKeys, fault: Error): Error {
  const unknown = proof instanceof Error ? [] : attempt(() => unknownKeyIds(proof.checkpoint, keys));
  const [id] = unknown instanceof Error ? [] : unknown;
  if (id === undefined) return fault;
  const { name, keyId } = keys[0].vkey;
  return new TlogError(
    'UNKNOWN_KEY',
    `signed by the key ${id} of ${name}, and what is known here begins with ${keyId}: if it is from before that key, give --log-key '${name}+${id}+…'; ` +
      `if it is from after a rotation, logline log keys follows it`,
    { cause: fault },
  );
}

function spanStep(receipt: Receipt, bytes: Uint8Array | null, span: unknown): ReceiptStep {
  if (bytes === null) return { name: 'span', outcome: 'unchecked', detail: 'not given: add --span <file>' };
  const hash = blake3Hash(bytes);
  if (hash !== receipt.hash)
    return {
      name: 'span',
      outcome: 'failed',
      detail: `its bytes hash to ${hash}, the receipt is for ${receipt.hash}`,
    };
  if (!isObject(span) || span['this'] !== receipt.this)
    return { name: 'span', outcome: 'failed', detail: `the receipt is for ${receipt.this}` };
  const tenant =
    typeof span['subject'] === 'string' ? attempt(() => parseSubject(String(span['subject'])).tenant) : null;
  if (typeof tenant !== 'string' || !receipt.log.endsWith(`/${tenant}`))
    return { name: 'span', outcome: 'failed', detail: `its subject is not of the log ${receipt.log}` };
  return {
    name: 'span',
    outcome: 'ok',
    detail: `${String(span['intent'])} of ${String(span['subject'])}, ${bytes.length} bytes, ${hash.slice(0, 19)}…`,
  };
}

function proofStep(receipt: Receipt, proof: TlogProof | Error): ReceiptStep {
  if (proof instanceof Error) return { name: 'proof', outcome: 'failed', detail: reasonOf(proof) };
  if (proof.index !== BigInt(receipt.index))
    return {
      name: 'proof',
      outcome: 'failed',
      detail: `it is for entry ${proof.index}, the receipt for entry ${receipt.index}`,
    };
  return { name: 'proof', outcome: 'ok', detail: `a tlog-proof for entry ${proof.index}` };
}

function spanBytesOf(span: unknown): Uint8Array | null {
  if (span === undefined || span === null) return null;
  const bytes = attempt(() => canonicalBytes(span));
  if (bytes instanceof Error)
    throw new CliError('INVALID_INPUT', `the span cannot be used: ${bytes.message}`);
  return bytes;
}

function step(name: ReceiptStep['name'], run: () => string): ReceiptStep {
  const detail = attempt(run);
  return detail instanceof Error
    ? { name, outcome: 'failed', detail: reasonOf(detail) }
    : { name, outcome: 'ok', detail };
}

function attempt<T>(run: () => T): T | Error {
  try {
    return run();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

function reasonOf(error: Error): string {
  return error instanceof TlogError || error instanceof CanonError
    ? `${error.message} (${error.code})`
    : error.message;
}
