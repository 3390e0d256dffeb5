import type { NatsConnection } from '@nats-io/nats-core';
import { fromApiError, type ApiError } from './api-error.ts';
import { JetStreamError } from './errors.ts';
import { request } from './link.ts';

const TIMEOUT_MS = 5_000;

/**
 * One call of the JetStream API (`$JS.API.<call>`), its answer unread but for errors.
 * We speak the protocol ourselves where the client hides error codes or asks for more permissions than we have.
 * @throws JetStreamError
 */
export async function callApi(
  nc: NatsConnection,
  call: string,
  body: object | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const reply = await request(nc, `$JS.API.${call}`, payload, call, { timeoutMs: TIMEOUT_MS });
  return parseAnswer(call, reply.string());
}

/** @throws JetStreamError `BAD_ANSWER`, or what the answer's `error` stands for */
export function parseAnswer(what: string, text: string): Readonly<Record<string, unknown>> {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw new JetStreamError('BAD_ANSWER', `${what}: the answer is not JSON`, { cause });
  }
  if (!isRecord(answer)) throw new JetStreamError('BAD_ANSWER', `${what}: the answer is not an object`);
  const { error } = answer;
  if (isApiError(error)) throw fromApiError(what, error);
  return answer;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isApiError(value: unknown): value is ApiError {
  return isRecord(value) && typeof value['code'] === 'number';
}
