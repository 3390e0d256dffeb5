import {
  cosignaturesOf,
  formatSignature,
  parseNote,
  formatNote,
  parseSignatureLines,
  TlogError,
} from '@logline/tlog';
import type { Witness } from './witness-policy.ts';

/** What came of one add-checkpoint request. `why` is for people. */
export type WitnessAnswer =
  | { readonly kind: 'cosigned'; readonly line: string }
  /** Its newest checkpoint of this log has another size than we believed. */
  | { readonly kind: 'conflict'; readonly size: number }
  /** It holds that the log has another past than ours. */
  | { readonly kind: 'contradicts'; readonly why: string }
  /** It does not watch this log, or does not trust its key. */
  | { readonly kind: 'declines'; readonly why: string }
  /** No answer that says anything: timeouts, connections, 5xx, garbage, a cosignature that is none. */
  | { readonly kind: 'fails'; readonly why: string };

export type WitnessQuestion = {
  readonly body: string;
  /** The signed checkpoint inside `body`. */
  readonly checkpoint: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** More than any witness with a few keys answers. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** One add-checkpoint request. Never throws: whatever a witness does, or does not, is an answer. */
export async function askWitness(
  { key, url }: Witness,
  { body, checkpoint, timeoutMs, signal }: WitnessQuestion,
): Promise<WitnessAnswer> {
  try {
    const response = await fetch(`${url}/add-checkpoint`, {
      method: 'POST',
      body,
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = await readText(response);
    switch (response.status) {
      case 200:
        return { kind: 'cosigned', line: verifiedLine(checkpoint, text, key) };
      case 409:
        return conflict(response, text);
      case 422:
        return { kind: 'contradicts', why: `422: ${brief(text)}` };
      case 403:
      case 404:
        return { kind: 'declines', why: `${response.status}: ${brief(text)}` };
    }
    return { kind: 'fails', why: `${response.status}: ${brief(text)}` };
  } catch (error) {
    return { kind: 'fails', why: reasonOf(error) };
  }
}

/** Lines by others are ignored; one that claims to be by this witness and is not is a failure of the whole answer. */
function verifiedLine(checkpoint: string, lines: string, key: Witness['key']): string {
  const { text } = parseNote(checkpoint);
  const note = formatNote({ text, signatures: parseSignatureLines(lines) });
  const newest = cosignaturesOf(note, [key]).toSorted((a, b) => Number(b.seconds - a.seconds))[0];
  if (newest === undefined)
    throw new TlogError('UNKNOWN_KEY', 'the answer has no cosignature by the key of this witness');
  return formatSignature(newest.signature);
}

function conflict(response: Response, text: string): WitnessAnswer {
  const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim();
  const size = /^(0|[1-9][0-9]{0,15})\n$/.exec(text)?.[1];
  if (type !== 'text/x.tlog.size' || size === undefined)
    return { kind: 'fails', why: `409 without a size: ${brief(text)}` };
  return { kind: 'conflict', size: Number(size) };
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_ANSWER_BYTES) throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** A stranger's words, fit for one line of our log. */
function brief(text: string): string {
  return text
    .slice(0, 200)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim();
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
