import type { FastifyReply, FastifyRequest } from 'fastify';
import { blake3Hash } from '@logline/canon-sign';

export type Cacheable = {
  readonly type: string;
  /** A hash of the content, or of what the content is bound to: equal only when the bytes are. */
  readonly etag: string;
  /** `immutable`: the content of this URL never changes. `short`: it moves on. */
  readonly lives: 'immutable' | 'short';
  readonly isPublic: boolean;
};

const YEAR_S = 31_536_000;
/** So long may a checkpoint be shown after it was overtaken (C2SP tlog-tiles asks for a few seconds at most). */
const CHECKPOINT_S = 2;

export function etagOf(bytes: Uint8Array): string {
  return `"${blake3Hash(bytes).slice('blake3:'.length, 'blake3:'.length + 32)}"`;
}

/** Sends what `make` gives, or 304 when the client has it already; `make` is then never called. Fastify leaves the body out for HEAD. */
export async function sendCacheable(
  request: FastifyRequest,
  reply: FastifyReply,
  { type, etag, lives, isPublic }: Cacheable,
  make: () => Uint8Array | Promise<Uint8Array>,
): Promise<void> {
  const scope = isPublic ? 'public' : 'private';
  const age =
    lives === 'immutable'
      ? `max-age=${YEAR_S}, immutable`
      : isPublic
        ? `max-age=${CHECKPOINT_S}`
        : 'no-cache';
  void reply.header('Cache-Control', `${scope}, ${age}`).header('ETag', etag);
  if (isNamedBy(request.headers['if-none-match'], etag)) {
    await reply.code(304).send();
    return;
  }
  const bytes = await make();
  await reply
    .header('Content-Type', type)
    .header('X-Content-Type-Options', 'nosniff')
    .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** If-None-Match compares weakly (RFC 9110 §13.1.2). */
function isNamedBy(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const named = header.split(',').map((one) => one.trim().replace(/^W\//, ''));
  return named.includes('*') || named.includes(etag);
}
