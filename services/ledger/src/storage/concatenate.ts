/** Many byte strings as one: a single binary parameter costs PostgreSQL far less than an array of bytea. */
export function concatenate(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

/** Where each part begins in the concatenation, counted from 1 as SQL's `substring` does. */
export function startsOf(parts: readonly Uint8Array[]): number[] {
  let next = 1;
  return parts.map((part) => {
    const start = next;
    next += part.length;
    return start;
  });
}
