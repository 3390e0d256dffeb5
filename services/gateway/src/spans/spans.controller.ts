import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MAX_SPAN_BYTES } from '@logline/canon-sign';
import { PATHS, type Ack } from '@logline/contracts';
import { AuthService, type Caller } from '../auth/auth.service.ts';
import { GatewayConfig } from '../config.ts';
import { languageOf } from '../domain/language.ts';
import { payloadHashOf, type RequestSignature } from '../domain/request-auth.ts';
import { splitBody } from '../domain/split-body.ts';
import { GatewayError } from '../errors.ts';
import { traceOf } from '../problem/trace.ts';
import { decodeBody, formOf } from './decode-body.ts';
import { SubmitService, type Submission } from './submit.service.ts';
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
    const trace = traceOf(request);
    const caller = await this.auth.callerOf(request);
    const signature = await this.auth.signatureOf(request, caller.tenant, false);
    const form = formOf(request.headers['content-type']);
    const body = await decodeBody(bodyOf(request), request.headers['content-encoding']);
    const bodies = splitBody(body, form);
    const acks = await this.acksOf(bodies, {
      tenant: caller.tenant,
      trace,
      language: languageOf(request.headers['accept-language']),
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

  private async acksOf(
    bodies: readonly Uint8Array[],
    submission: Omit<Submission, 'bodies'>,
  ): Promise<readonly (Ack | undefined)[]> {
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
  const idempotencyKey = idempotencyKeyOf(request);
  return {
    kind: 'token',
    token: caller.token,
    ...(signature === null
      ? {}
      : { key: signature.keyId, nonce: signature.nonce, request_hash: signature.requestHash }),
    ...(idempotencyKey === undefined
      ? {}
      : { idempotency_key: idempotencyKey, payload_hash: payloadHashOf(bodyOf(request)) }),
  };
}

/** @throws GatewayError `400_BAD_REQUEST` for an empty or overlong one */
function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key === '' || key.length > 255) {
    throw new GatewayError('400_BAD_REQUEST', 'Idempotency-Key must have 1 to 255 characters');
  }
  return key;
}

function bodyOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array();
}

async function answer(reply: FastifyReply, acks: readonly Ack[]): Promise<void> {
  const statuses = acks.map((ack) => (ack.status === 'ok' ? 200 : ack.http_status));
  const status = acks.length === 1 ? (statuses[0] ?? 500) : statuses.every((one) => one === 200) ? 200 : 207;
  if (acks.every((ack) => ack.status === 'ok' && ack.replayed === true))
    void reply.header('Idempotency-Replayed', 'true');
  if (status === 503 || status === 429) void reply.header('Retry-After', '1');
  await reply
    .status(status)
    .header('Content-Type', 'application/json; charset=utf-8')
    .send(JSON.stringify(acks));
}
