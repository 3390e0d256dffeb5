/** Bounds of a `.llc`, the same for packing and reading (protocol §5). */
export const MAX_ENTRIES = 1000;
export const MAX_TOTAL_BYTES: number = 64 * 1024 * 1024;
/** How many times larger than its packed form an entry may be. */
export const MAX_RATIO = 100;
