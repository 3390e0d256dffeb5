import { TargetError } from './errors.ts';
import type { LogChunk } from './target.ts';

const HEADER_BYTES = 8;
/** A frame says its own size; one that claims more than this is not a frame. */
const MOST_FRAME_BYTES = 16 * 1024 * 1024;

/** Splits an engine's multiplexed output: header [stream, 0, 0, 0, length big-endian], then that many bytes. At most one frame is held. */
export async function* readLogFrames(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<LogChunk> {
  let pending = new Uint8Array(0);
  for await (const chunk of source) {
    pending = join(pending, chunk);
    for (;;) {
      if (pending.length < HEADER_BYTES) break;
      const length = new DataView(pending.buffer, pending.byteOffset).getUint32(4);
      if (length > MOST_FRAME_BYTES)
        throw new TargetError('ENGINE_REFUSED', 'logs: not a multiplexed stream');
      if (pending.length < HEADER_BYTES + length) break;
      const bytes = pending.subarray(HEADER_BYTES, HEADER_BYTES + length);
      yield { stream: pending[0] === 2 ? 'stderr' : 'stdout', bytes };
      pending = pending.subarray(HEADER_BYTES + length);
    }
  }
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(head.length + tail.length);
  joined.set(head);
  joined.set(tail, head.length);
  return joined;
}
