import {
  AuthorizationError,
  ClosedConnectionError,
  DrainingConnectionError,
  NoRespondersError,
  PermissionViolationError,
  TimeoutError,
} from '@nats-io/nats-core';
import { JetStreamError, type JetStreamErrorCode } from './errors.ts';

/** `{error}` of a JetStream API answer or a PubAck. */
export type ApiError = { readonly code: number; readonly err_code?: number; readonly description?: string };

const BY_API_CODE: Readonly<Record<number, JetStreamErrorCode>> = {
  10023: 'UNAVAILABLE', // insufficient resources: a disk or memory limit of the server
  10047: 'QUEUE_FULL', // insufficient storage resources available
  10054: 'TOO_LARGE', // message size exceeds maximum allowed
  10059: 'NO_STREAM', // stream not found
  10014: 'NO_STREAM', // consumer not found
  10070: 'CONFLICT', // wrong last message id
  10071: 'CONFLICT', // wrong last sequence: N
  10164: 'CONFLICT', // wrong last sequence (R3, a write in flight)
  10077: 'QUEUE_FULL', // maximum messages, bytes exceeded
  10158: 'UNAVAILABLE', // the same message id is being stored right now
  10176: 'UNAVAILABLE', // atomic batch abandoned
  10201: 'DUPLICATE', // a message id of the batch is already stored
  10210: 'UNAVAILABLE', // too many batches in flight
  10008: 'UNAVAILABLE', // JetStream system temporarily unavailable
  10009: 'UNAVAILABLE', // no cluster leader
};

/** The coded error of an API answer that says no. */
export function fromApiError(what: string, error: ApiError): JetStreamError {
  const apiCode = error.err_code ?? 0;
  const code = BY_API_CODE[apiCode] ?? (error.code === 503 ? 'UNAVAILABLE' : 'REFUSED');
  return new JetStreamError(code, `${what}: ${error.description ?? 'refused'} (${apiCode})`, { apiCode });
}

/** The coded error of anything the client throws. */
export function toJetStreamError(what: string, error: unknown): JetStreamError {
  if (error instanceof JetStreamError) return error;
  const chain = causes(error);
  const is = (...kinds: readonly (abstract new (...args: never[]) => Error)[]) =>
    chain.some((one) => kinds.some((kind) => one instanceof kind));
  if (is(PermissionViolationError, AuthorizationError)) {
    return new JetStreamError('FORBIDDEN', `${what}: this NATS user may not`, { cause: error });
  }
  if (is(NoRespondersError)) {
    return new JetStreamError(
      'NO_STREAM',
      `${what}: no stream or consumer answers; run the stream migration`,
      { cause: error },
    );
  }
  if (is(ClosedConnectionError, DrainingConnectionError)) {
    return new JetStreamError('CLOSED', `${what}: the connection is closed`, { cause: error });
  }
  if (is(TimeoutError))
    return new JetStreamError('UNAVAILABLE', `${what}: no answer in time`, { cause: error });
  return new JetStreamError('UNAVAILABLE', `${what}: ${chain[0]?.message ?? 'failed'}`, { cause: error });
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let one = error; one instanceof Error && chain.length < 8; one = one.cause) chain.push(one);
  return chain;
}
