import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { BodyForm } from '../domain/split-body.ts';
import { GatewayError } from '../errors.ts';

const inflate = promisify(zstdDecompress);
/** A request of the most and the largest spans does not fit a body of this size, and need not: that is what several requests are for. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** @throws GatewayError `415_MEDIA_TYPE` */
export function formOf(contentType: string | undefined): BodyForm {
  const media = (contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase();
  if (media === 'application/json') return 'json';
  if (media === 'application/x-ndjson') return 'ndjson';
  throw new GatewayError(
    '415_MEDIA_TYPE',
    'send application/json (one span or an array) or application/x-ndjson',
  );
}

/** The body without its content encoding. @throws GatewayError `415_MEDIA_TYPE`, `400_BAD_REQUEST`, `413_TOO_LARGE` */
export async function decodeBody(body: Uint8Array, contentEncoding: string | undefined): Promise<Uint8Array> {
  const encoding = (contentEncoding ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity') return body;
  if (encoding !== 'zstd') throw new GatewayError('415_MEDIA_TYPE', 'Content-Encoding may be zstd or absent');
  try {
    return await inflate(body, {
      maxOutputLength: MAX_BODY_BYTES,
    });
  } catch (cause) {
    const isTooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLarge
      ? new GatewayError('413_TOO_LARGE', `the body is larger than ${MAX_BODY_BYTES} bytes when decoded`, {
          cause,
        })
      : new GatewayError('400_BAD_REQUEST', 'the body is not zstd', { cause });
  }
}
