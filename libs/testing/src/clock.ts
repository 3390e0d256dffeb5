/** When tests happen unless they say otherwise. */
export const NOW_MS: number = Date.UTC(2026, 10, 23, 12);
