import { request } from 'node:http';

/** More than any answer this package reads; a longer one is cut off there. */
const ANSWER_KEPT_BYTES = 1024 * 1024;

export type EngineAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
};

/**
 * One request to a container engine through its socket. Rejects with the error of the socket (`code` ENOENT, EACCES,
 * ECONNREFUSED …), or when `timeoutMs` is over.
 */
export function askEngine(
  socketPath: string,
  {
    method = 'GET',
    path,
    body,
    type = 'application/json',
    timeoutMs,
  }: {
    readonly method?: 'GET' | 'POST' | 'DELETE';
    readonly path: string;
    readonly body?: Uint8Array;
    readonly type?: string;
    readonly timeoutMs: number;
  },
): Promise<EngineAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      host: 'engine',
      ...(body === undefined ? {} : { 'content-type': type, 'content-length': body.length }),
    };
    const call = request(
      { socketPath, path, method, headers, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          if (text.length < ANSWER_KEPT_BYTES) text += chunk;
        });
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
        response.once('error', reject);
      },
    );
    call.once('error', reject);
    call.end(body);
  });
}
