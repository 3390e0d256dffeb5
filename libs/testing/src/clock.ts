/** When tests happen unless they say otherwise. */
export const NOW_MS: number = Date.UTC(2026, 10, 23, 12);

export type FixedClock = {
  nowMs(): number;
  advance(ms: number): void;
};

/** A clock that stands still until it is moved. */
export function fixedClock(startMs: number = NOW_MS): FixedClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advance: (ms) => {
      nowMs += ms;
    },
  };
}
