import type Docker from 'dockerode';
import { wordsOf } from './engine-errors.ts';
import { TargetError } from './errors.ts';
import { readJsonLines } from './json-lines.ts';

/** A pull that reports nothing for so long is stuck. */
const SILENT_MS = 60_000;

/**
 * Pulls an image. The engine answers 200 and tells a failure in the stream, so every line is read for one.
 * @throws TargetError `IMAGE_UNAVAILABLE` with the engine's words
 */
export async function pullImage(engine: Docker, image: string, signal?: AbortSignal): Promise<void> {
  let watchdog: NodeJS.Timeout | undefined;
  try {
    const stream = await engine.pull(withTag(image), { abortSignal: signal });
    if (!(Symbol.asyncIterator in stream)) throw new Error('the engine answered without a stream');
    const giveUp = () =>
      'destroy' in stream && typeof stream.destroy === 'function' && stream.destroy(new Error('no progress'));
    watchdog = setTimeout(giveUp, SILENT_MS);
    for await (const line of readJsonLines(readBytes(stream))) {
      watchdog.refresh();
      if (isFailure(line)) throw new Error(line.error);
    }
  } catch (cause) {
    throw new TargetError(
      'IMAGE_UNAVAILABLE',
      `${image} is not on the host and cannot be pulled: ${wordsOf(cause)}`,
      { cause },
    );
  } finally {
    clearTimeout(watchdog);
  }
}

/** Without a tag or digest an engine would pull every tag there is. */
export function withTag(image: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  return image.includes('@') || last.includes(':') ? image : `${image}:latest`;
}

function isFailure(line: unknown): line is { error: string } {
  return typeof line === 'object' && line !== null && 'error' in line && typeof line.error === 'string';
}

async function* readBytes(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (chunk instanceof Uint8Array) yield chunk;
  }
}
