import Docker from 'dockerode';
import { toTargetError } from './engine-errors.ts';
import { TargetError } from './errors.ts';

/** An answer that takes longer has been lost: what the engine did is unknown. */
const ANSWER_WITHIN_MS = 60_000;

/**
 * One engine at one socket. No version in the paths: Docker and Podman each answer with their own newest.
 * Every call ends in bounded time: docker-modem waits for ever when an engine dies in the middle of a response.
 */
export class EngineClient {
  readonly socketPath: string;
  readonly #engine: Docker;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
    this.#engine = new Docker({ socketPath });
  }

  /** @throws TargetError for whatever the engine answers but success; `extraMs` is time that the call itself asks the engine to take */
  async ask<T>(doing: string, call: (engine: Docker) => Promise<T>, extraMs = 0): Promise<T> {
    const late = Promise.withResolvers<never>();
    const withinMs = ANSWER_WITHIN_MS + extraMs;
    const timer = setTimeout(() => {
      late.reject(
        new TargetError('ENGINE_UNREACHABLE', `${doing}: no answer from the engine within ${withinMs} ms`),
      );
    }, withinMs);
    try {
      return await Promise.race([call(this.#engine), late.promise]);
    } catch (cause) {
      throw toTargetError(doing, cause);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Null when there is no such container. */
  async inspect(container: string): Promise<Docker.ContainerInspectInfo | null> {
    return nullIfGone(this.ask('inspect', (engine) => engine.getContainer(container).inspect()));
  }

  /** Until the container exits, or the signal. What the wait answers does not count, so nothing is answered here either. */
  async waitForExit(container: string, signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    const waited = this.#engine
      .getContainer(container)
      .wait({ condition: 'not-running', abortSignal: signal });
    try {
      await Promise.race([waited, aborted.promise]);
    } catch (cause) {
      const error = toTargetError('wait', cause);
      if (!signal.aborted && error.code !== 'NOT_FOUND') throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      waited.catch(() => undefined); // the loser of the race has nobody else to tell
    }
  }
}

/** The engine's "it already is" (304) counts as done. */
export async function settle(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (cause) {
    const isAlreadySo =
      typeof cause === 'object' && cause !== null && 'statusCode' in cause && cause.statusCode === 304;
    if (!isAlreadySo) throw cause;
  }
}

/** Turns `NOT_FOUND` into null. */
export async function nullIfGone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (cause) {
    if (cause instanceof TargetError && cause.code === 'NOT_FOUND') return null;
    throw cause;
  }
}
