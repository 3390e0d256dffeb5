import { TargetError, type TargetErrorCode } from './errors.ts';

const MOST_WORDS = 400;
const PORT_TAKEN =
  /port is already allocated|address already in use|cannot listen on the|failed to bind (host )?port/i;
const NO_IMAGE = /no such image|image not known|unable to find image|manifest unknown/i;
const NO_CONTAINER = /no such container|no container with/i;
/** Somebody else removes it: for whoever asks, it is gone. */
const GOING = /removal of container .* is already in progress/i;
const NAME_TAKEN = /name .*is already in use|that name is already in use/i;

/** The engine's answer as one of our codes. Its words are kept, cut short; they never hold a secret, since the engine knows none. */
export function toTargetError(doing: string, cause: unknown): TargetError {
  if (cause instanceof TargetError) return cause;
  const words = wordsOf(cause);
  const status = statusOf(cause);
  if (status === undefined) {
    return new TargetError('ENGINE_UNREACHABLE', `${doing}: the engine did not answer (${words})`, { cause });
  }
  return new TargetError(codeOf(status, words), `${doing}: ${words}`, { cause });
}

function codeOf(status: number, words: string): TargetErrorCode {
  if (PORT_TAKEN.test(words)) return 'PORT_CONFLICT';
  if (NO_IMAGE.test(words)) return 'IMAGE_UNAVAILABLE';
  if (NAME_TAKEN.test(words)) return 'NAME_TAKEN';
  if (status === 409 && GOING.test(words)) return 'NOT_FOUND';
  if (status === 404 && NO_CONTAINER.test(words)) return 'NOT_FOUND';
  if (status === 502 || status === 503 || status === 504) return 'ENGINE_UNREACHABLE';
  return 'ENGINE_REFUSED';
}

/** HTTP status of a docker-modem error; undefined when there was no answer. */
function statusOf(cause: unknown): number | undefined {
  if (!isRecord(cause) || typeof cause['statusCode'] !== 'number') return undefined;
  return cause['statusCode'];
}

export function wordsOf(cause: unknown): string {
  if (!isRecord(cause)) return 'no reason given';
  const { json, message, code } = cause;
  const said = isRecord(json) && typeof json['message'] === 'string' ? json['message'] : message;
  const words = typeof said === 'string' && said !== '' ? said : String(code ?? 'no reason given');
  return words.replace(/\s+/g, ' ').trim().slice(0, MOST_WORDS);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
