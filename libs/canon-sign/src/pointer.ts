/** Formats the first `depth` steps of `path` as an RFC 6901 JSON pointer; zero steps are the whole document, `""`. */
export function formatPointer(path: readonly (string | number)[], depth: number = path.length): string {
  let pointer = '';
  for (const step of path.slice(0, depth)) {
    pointer += `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  }
  return pointer;
}
