import type { AckInvalid, AckNeedMore, CanonicalCode, Problem, Receipt } from '@logline/contracts';

type Details = ErrorOptions & {
  readonly code:
    | CanonicalCode
    | 'NETWORK'
    | 'TIMEOUT'
    | 'ABORTED'
    | 'RECEIPT_INVALID'
    | 'ROTATION_INVALID'
    | 'PROTOCOL';
  readonly status?: number;
  readonly traceId?: string;
  /** The ack of the one span that was sent, where there is one. */
  readonly ack?: AckInvalid | AckNeedMore;
  readonly problem?: Problem;
  readonly retryAfterS?: number;
};

const FIXES: Partial<Record<Details['code'], string>> = {
  RECEIPT_INVALID:
    'do not rely on it: keep the receipt and compare the pinned log key with that of the operator',
  ROTATION_INVALID:
    'do not pin the new key because of it: ask the operator, by another way than this server, whether the log key changed',
};

/** What every failure of the SDK is. `code` is canonical (protocol §8), or says why there was no answer. */
export class LogLineError extends Error {
  override readonly name: string = 'LogLineError';
  readonly code: Details['code'];
  readonly status: number | undefined;
  readonly traceId: string | undefined;
  readonly ack: AckInvalid | AckNeedMore | undefined;
  readonly problem: Problem | undefined;
  readonly retryAfterS: number | undefined;

  constructor(message: string, { code, status, traceId, ack, problem, retryAfterS, ...options }: Details) {
    super(message, options);
    this.code = code;
    this.status = status;
    this.traceId = traceId;
    this.ack = ack;
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }

  /** What usually mends it, in words. */
  get fix(): string | undefined {
    return this.ack?.suggested_reply ?? this.problem?.fix ?? FIXES[this.code];
  }

  /** The earlier receipt that a conflict comes with. */
  get receipt(): Receipt | undefined {
    return (this.ack?.status === 'invalid' ? this.ack.receipt : undefined) ?? this.problem?.receipt;
  }
}

/** 401: no or unknown token, bad request signature, stale timestamp. */
export class UnauthorizedError extends LogLineError {
  override readonly name = 'UnauthorizedError';
}
/** 403: role, scope, slot, target or policy says no. */
export class ForbiddenError extends LogLineError {
  override readonly name = 'ForbiddenError';
}
/** 404: unknown, or not yours. */
export class NotFoundError extends LogLineError {
  override readonly name = 'NotFoundError';
}
/** 409: `receipt` is the earlier one. */
export class IdempotencyConflictError extends LogLineError {
  override readonly name = 'IdempotencyConflictError';
}
/** 413. */
export class TooLargeError extends LogLineError {
  override readonly name = 'TooLargeError';
}
/** 400, 415, 422: the request or the span is malformed. */
export class SchemaInvalidError extends LogLineError {
  override readonly name = 'SchemaInvalidError';
}
/** 428: the ack says which proof. */
export class ProofRequiredError extends LogLineError {
  override readonly name = 'ProofRequiredError';
}
/** 429: `retryAfter` says when. */
export class RateLimitedError extends LogLineError {
  override readonly name = 'RateLimitedError';
  /** Seconds, as the server says; undefined when it does not. */
  get retryAfter(): number | undefined {
    return this.retryAfterS;
  }
}
/** 5xx. With 503 the outcome may be unknown: the same call again gives the same receipt. */
export class InternalError extends LogLineError {
  override readonly name = 'InternalError';
}
/** No answer: the network, a timeout, or an abort. */
export class ConnectionError extends LogLineError {
  override readonly name = 'ConnectionError';
}
/** A receipt that does not verify, or a log that did not only grow. Keep both: they are evidence. */
export class ReceiptInvalidError extends LogLineError {
  override readonly name = 'ReceiptInvalidError';
}

/** The log shows a change of its key that its key in force has not vouched for. Nothing is verified by the new key; keep it: it is evidence. */
export class RotationInvalidError extends LogLineError {
  override readonly name = 'RotationInvalidError';
}

/** The error class of an HTTP status. */
export function toStatusError(status: number, message: string, details: Details): LogLineError {
  if (status === 401) return new UnauthorizedError(message, details);
  if (status === 403) return new ForbiddenError(message, details);
  if (status === 404 || status === 410) return new NotFoundError(message, details);
  if (status === 409) return new IdempotencyConflictError(message, details);
  if (status === 413) return new TooLargeError(message, details);
  if (status === 428) return new ProofRequiredError(message, details);
  if (status === 429) return new RateLimitedError(message, details);
  return status >= 500 ? new InternalError(message, details) : new SchemaInvalidError(message, details);
}
