/** How long to leave somebody alone who failed so many times in a row: longer each time, never at the same moment as others. */
export function backoffMs(
  failures: number,
  { firstMs, mostMs }: { readonly firstMs: number; readonly mostMs: number },
  random: () => number,
): number {
  const most = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 16));
  return most * (0.5 + random() / 2);
}
