import { EngineError } from '../errors.ts';

/** One entry of an archive: a file with its bytes, a directory, or a symbolic link. Paths are relative, without `..`. */
export type TarEntry =
  | { readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly path: string; readonly mode: number; readonly isDirectory: true }
  | { readonly path: string; readonly linkTo: string };

const BLOCK = 512;
const NAME_BYTES = 100;

/**
 * A ustar archive of the entries in their order: owned by root, dated 1970, so that the same entries are the same bytes
 * on every machine. Pure.
 *
 * @throws EngineError `INVALID_OPTION` if a path is empty, absolute, has `..`, or is longer than 100 bytes
 */
export function toTar(entries: readonly TarEntry[]): Uint8Array {
  const parts = entries.flatMap((entry) => {
    const bytes = 'bytes' in entry ? entry.bytes : new Uint8Array(0);
    return [toHeader(entry, bytes.length), bytes, new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK)];
  });
  return concatBytes([...parts, new Uint8Array(2 * BLOCK)]);
}

function toHeader(entry: TarEntry, size: number): Uint8Array {
  checkPath(entry.path);
  const header = new Uint8Array(BLOCK);
  const isDirectory = 'isDirectory' in entry;
  put(header, 0, isDirectory ? `${entry.path}/` : entry.path);
  put(header, 100, octal('mode' in entry ? entry.mode : 0o777, 7));
  put(header, 108, octal(0, 7));
  put(header, 116, octal(0, 7));
  put(header, 124, octal(size, 11));
  put(header, 136, octal(0, 11));
  put(header, 148, '        ');
  put(header, 156, 'linkTo' in entry ? '2' : isDirectory ? '5' : '0');
  if ('linkTo' in entry) {
    checkPath(entry.linkTo.replace(/^\//, ''));
    put(header, 157, entry.linkTo);
  }
  put(header, 257, 'ustar');
  put(header, 263, '00');
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(header, 148, `${octal(sum, 6)}\0 `);
  return header;
}

function checkPath(path: string): void {
  const isPlain =
    path !== '' && !path.startsWith('/') && !path.split('/').some((part) => part === '..' || part === '');
  if (!isPlain || path.includes('\0') || Buffer.byteLength(path) >= NAME_BYTES) {
    throw new EngineError('INVALID_OPTION', `no path for an image: ${JSON.stringify(path)}`);
  }
}

function put(header: Uint8Array, at: number, text: string): void {
  header.set(new TextEncoder().encode(text), at);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
