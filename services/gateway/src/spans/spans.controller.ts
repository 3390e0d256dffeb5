import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { blake3Hash, MAX_SPAN_BYTES } from '@logline/canon-sign';
import { parseAck, PATHS, type Ack, type AckBytes } from '@logline/contracts';
import { AuthService, type Caller } from '../auth/auth.service.ts';
import { bodyOf } from '../auth/http-request.ts';
import { GatewayConfig } from '../config.ts';
import { languageOf } from '../domain/language.ts';
import { checkIdempotencyKey, type RequestSignature } from '../domain/request-auth.ts';
import { splitBody } from '../domain/split-body.ts';
import { GatewayError } from '../errors.ts';
import { decodeBody, formOf } from './decode-body.ts';
import { SubmitService, type Submission } from './submit.service.ts';
import { toJsonArray } from './json-array.ts';
import { tooLargeAck, unknownAck } from './unanswered.ts';

/** `POST /v1/spans`: the one door for writing (protocol §7, §8). */
@Controller()
export class SpansController {
  constructor(
    private readonly auth: AuthService,
    private readonly submit: SubmitService,
    @Inject(GatewayConfig) private readonly config: GatewayConfig,
  ) {}

  @Post(PATHS.spans)
  async append(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { headers, id: trace } = request;
    const caller = await this.auth.writerOf(request, reply);
    const signature = await this.auth.signatureOf(request, caller.tenant, 'checked when there', caller.kind);
    const form = formOf(headers['content-type']);
    const body = await decodeBody(bodyOf(request), headers['content-encoding']);
    const acks = await this.acksOf(splitBody(body, form), {
      tenant: caller.tenant,
      trace,
      language: languageOf(headers['accept-language']),
      caller: toEnvelopeCaller(caller, signature, request),
      waitMs: this.config.waitMs,
    });
    if (acks.every((ack) => ack === undefined)) {
      throw new GatewayError(
        '503_UNAVAILABLE',
        'no answer in time; whether it was committed is unknown: send the same request again',
        { retryAfterS: 1 },
      );
    }
    await answer(
      reply,
      acks.map((ack) => ack ?? unknownAck(trace)),
    );
  }

  /** A span that no log could hold is answered here; the others go on without it. */
  private async acksOf(
    bodies: readonly Uint8Array[],
    submission: Omit<Submission, 'bodies'>,
  ): Promise<readonly (AckBytes | undefined)[]> {
    const fits = bodies.map(({ length }) => length <= MAX_SPAN_BYTES);
    const sent = bodies.filter((_, i) => fits[i]);
    const answers = sent.length === 0 ? [] : await this.submit.submit({ ...submission, bodies: sent });
    let next = 0;
    return bodies.map(({ length }, i) =>
      fits[i] === true ? answers[next++] : tooLargeAck(length, submission.trace),
    );
  }
}

function toEnvelopeCaller(
  caller: Caller,
  signature: RequestSignature | null,
  request: FastifyRequest,
): Submission['caller'] {
  if (caller.kind === 'operator') return { kind: 'operator' };
  if (signature !== null) {
    const { keyId, nonce, requestHash, idempotencyKey, payloadHash } = signature;
    return {
      kind: 'token',
      token: caller.token,
      key: keyId,
      nonce,
      request_hash: requestHash,
      idempotency_key: idempotencyKey,
      payload_hash: payloadHash,
    };
  }
  const key = request.headers['idempotency-key']?.toString();
  if (key === undefined) return { kind: 'token', token: caller.token };
  checkIdempotencyKey(key);
  return {
    kind: 'token',
    token: caller.token,
    idempotency_key: key,
    payload_hash: blake3Hash(bodyOf(request)),
  };
}

async function answer(reply: FastifyReply, acks: readonly AckBytes[]): Promise<void> {
  const [first] = acks;
  const statuses = acks.map(({ httpStatus }) => httpStatus);
  const status = acks.length === 1 ? (statuses[0] ?? 500) : statuses.every((one) => one === 200) ? 200 : 207;
  if (acks.every(({ isReplay }) => isReplay)) void reply.header('Idempotency-Replayed', 'true');
  if (statuses.some((one) => one === 503 || one === 429)) void reply.header('Retry-After', '1');
  // of the 409s only a twin in flight is worth another try: clients that know this header retry by it
  if (status === 409 && first !== undefined)
    void reply.header('X-Should-Retry', String(isInFlight(parseAck(first))));
  await reply
    .status(status)
    .header('Content-Type', 'application/json; charset=utf-8')
    .send(toJsonArray(acks.map(({ bytes }) => bytes)));
}

function isInFlight(ack: Ack): boolean {
  return ack.status === 'invalid' && ack.reason === 'in_flight';
}
