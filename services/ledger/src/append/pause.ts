/** Resolves when `register`'s callback is called, or the signal aborts; leaves no listener behind. */
export async function untilAborted(
  signal: AbortSignal,
  register: (wake: () => void) => unknown,
): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      signal.removeEventListener('abort', wake);
      resolve();
    };
    signal.addEventListener('abort', wake);
    register(wake);
  });
}

/** Waits, but not past an abort. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await untilAborted(signal, (wake) => (timer = setTimeout(wake, ms)));
  clearTimeout(timer);
}
