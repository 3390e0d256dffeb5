import type { LogReader, TileId } from '@logline/tlog';
import { formatTilePath } from '@logline/tlog';
import { CliError } from '../errors.ts';
import { cutEntries, cutHashes, MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, TILE_BYTES } from './tile-bytes.ts';

export type HttpLogOptions = {
  /** Of a tlog-tiles log, without a final slash: what `checkpoint` and `tile/…` are appended to. */
  readonly prefix: string;
  /** Credentials, which go to this prefix and nowhere else. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};

const TRIES = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
const ATTEMPT_MS = 30_000;

/** A log served over HTTP, ours or anybody's (C2SP tlog-tiles). Nothing it says is verified here; how long each answer may be is. */
export class HttpLog implements LogReader {
  readonly prefix: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #signal: AbortSignal;

  constructor({ prefix, headers = {}, signal }: HttpLogOptions) {
    this.prefix = prefix;
    this.#headers = headers;
    this.#signal = signal;
  }

  get hasCredentials(): boolean {
    return Object.keys(this.#headers).length > 0;
  }

  async checkpoint(): Promise<string | null> {
    return await this.text('checkpoint');
  }

  async tile(tile: TileId): Promise<Uint8Array | null> {
    const exact = await this.get(formatTilePath(tile), TILE_BYTES);
    if (exact !== null || tile.width === 256) return exact;
    // a log may drop a partial tile once the full one is there
    const full = await this.get(formatTilePath({ ...tile, width: 256 }), TILE_BYTES);
    return full === null ? null : cutHashes(full, tile);
  }

  async entries(tile: TileId): Promise<Uint8Array | null> {
    const exact = await this.get(formatTilePath(tile), MAX_BUNDLE_BYTES);
    if (exact !== null || tile.width === 256) return exact;
    const full = await this.get(formatTilePath({ ...tile, width: 256 }), MAX_BUNDLE_BYTES);
    return full === null ? null : cutEntries(full, tile);
  }

  /** A text of the log, or null. @throws CliError `INVALID_INPUT` when it is no text */
  async text(path: string): Promise<string | null> {
    const bytes = await this.get(path, MAX_NOTE_BYTES);
    if (bytes === null) return null;
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new CliError('NOT_VERIFIED', `${this.prefix}/${path} is not text`, { cause });
    }
  }

  /**
   * Null for a 404. Tries again what may be tried again, as long as the command's time allows.
   * @throws CliError `UNREACHABLE`, `AUTH_NEEDED`, `NOT_VERIFIED` for an answer longer than any log gives, `FAILED`
   */
  async get(path: string, maxBytes: number): Promise<Uint8Array | null> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#attempt(path, maxBytes);
      if (!('retry' in answer)) return answer.bytes;
      if (attempt === TRIES) throw answer.retry;
      await this.#pause(
        Math.min(LONGEST_PAUSE_MS, Math.max(answer.afterMs, FIRST_PAUSE_MS * 2 ** (attempt - 1))),
      );
    }
  }

  async #attempt(
    path: string,
    maxBytes: number,
  ): Promise<{ readonly bytes: Uint8Array | null } | { readonly retry: CliError; readonly afterMs: number }> {
    const url = `${this.prefix}/${path}`;
    try {
      const response = await fetch(url, {
        headers: { accept: '*/*', 'user-agent': 'logline-cli', ...this.#headers },
        // credentials are for this address only
        redirect: this.hasCredentials ? 'error' : 'follow',
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(ATTEMPT_MS)]),
      });
      if (response.ok) return { bytes: await bodyOf(response, url, maxBytes) };
      await response.body?.cancel();
      if (response.status === 404) return { bytes: null };
      return this.#refused(response, url);
    } catch (cause) {
      this.#signal.throwIfAborted();
      if (cause instanceof CliError) throw cause;
      const why =
        cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
      const retry = new CliError('UNREACHABLE', `${url} cannot be read: ${why}`, {
        cause,
        fix: 'check the address, and that it runs (logline doctor)',
      });
      return { retry, afterMs: 0 };
    }
  }

  #refused(response: Response, url: string): { readonly retry: CliError; readonly afterMs: number } {
    const { status } = response;
    if (status === 429 || status >= 500) {
      const afterMs = Number(response.headers.get('retry-after') ?? 0) * 1000;
      const fix = 'run the same command again in a moment';
      const retry = new CliError('UNREACHABLE', `${url} answered ${status}`, { fix });
      return { retry, afterMs: Number.isFinite(afterMs) ? afterMs : 0 };
    }
    if (status === 401 || status === 403)
      throw new CliError('AUTH_NEEDED', `${url} answered ${status}`, {
        fix: 'check the API token: logline doctor',
      });
    throw new CliError('FAILED', `${url} answered ${status}`);
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, this.#signal);
  }
}

/** Waits, or throws what the signal was aborted with. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
  signal.throwIfAborted();
}

async function bodyOf(response: Response, url: string, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > maxBytes)
      throw new CliError('NOT_VERIFIED', `${url} is longer than any log gives (${maxBytes} bytes)`);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
