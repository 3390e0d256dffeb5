import type { JetStreamContext } from './context.ts';

/**
 * Everything a loop was given and has not settled. A message is let go the moment it is deleted. In a plain `Map` of messages it is not: when such a map grows
 * or shrinks V8 leaves its old table behind, old tables survive until the next full collection, and what was in them with them. At 5,000 messages a second that
 * was every message there was, each copied twice.
 */
export class HeldMessages {
  readonly #slots = new Map<string, { message: JetStreamContext | undefined }>();

  get size(): number {
    return this.#slots.size;
  }

  has(id: string): boolean {
    return this.#slots.has(id);
  }

  add(message: JetStreamContext): void {
    this.#slots.set(message.id, { message });
  }

  delete(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    slot.message = undefined;
    this.#slots.delete(id);
  }

  clear(): void {
    for (const id of this.#slots.keys()) this.delete(id);
  }

  /** The server is told of each that it is still being worked on. */
  keepAll(): void {
    for (const { message } of this.#slots.values()) message?.working();
  }
}
