/** How far each log is covered by a quorum, and whoever waits for it to be covered further. */
export class CoverWaiters {
  readonly #covered = new Map<string, number>();
  readonly #waiting = new Map<string, Set<{ readonly size: number; readonly wake: () => void }>>();

  /** 0 for nothing. */
  covered(tenant: string): number {
    return this.#covered.get(tenant) ?? 0;
  }

  /** Never back. */
  cover(tenant: string, size: number): void {
    if (size <= this.covered(tenant)) return;
    this.#covered.set(tenant, size);
    for (const one of this.#waiting.get(tenant) ?? []) if (one.size <= size) one.wake();
  }

  /** Resolves when it is covered, or the signal aborts; leaves nothing behind either way. */
  wait(tenant: string, size: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.covered(tenant) >= size) return Promise.resolve();
    return new Promise((resolve) => {
      const ofTenant = this.#waiting.get(tenant) ?? new Set();
      this.#waiting.set(tenant, ofTenant);
      const one = {
        size,
        wake: () => {
          ofTenant.delete(one);
          if (ofTenant.size === 0 && this.#waiting.get(tenant) === ofTenant) this.#waiting.delete(tenant);
          signal.removeEventListener('abort', one.wake);
          resolve();
        },
      };
      ofTenant.add(one);
      signal.addEventListener('abort', one.wake);
    });
  }

  /** Nothing is known to be covered; whoever waits goes on waiting. */
  forget(): void {
    this.#covered.clear();
  }
}
