import { EngineError } from '@logline/engines';
import { randomInt } from 'node:crypto';

/** Below the range from which systems take the ports of outgoing connections, so that nobody sits there when a server comes back. */
export function quietPort(): number {
  return randomInt(15_000, 30_000);
}

/** Starts on the same port again; somebody who tries whether it is free may be on it for a moment. */
export async function withPortBack<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'PORT_BUSY' || attempt >= 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
