/** Asks `condition` until it says true; false when `withinMs` is over. The first question comes at once. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  { withinMs, everyMs = 50 }: { readonly withinMs: number; readonly everyMs?: number },
): Promise<boolean> {
  const until = performance.now() + withinMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= until) return false;
    await pause(everyMs);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
