export type EventuallyOptions = {
  /** 10 s. */
  readonly withinMs?: number;
};

/** What `check` returns, once it no longer throws; its last error when it always does. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = 10_000 }: EventuallyOptions = {},
): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
