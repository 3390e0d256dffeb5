import { fromBuffer, type Entry as ZipEntry, type ZipFile } from 'yauzl';
import { MANIFEST_ENTRY, parseArtifactEntry } from './entry-name.ts';
import { ArtifactError, type ArtifactErrorCode } from './errors.ts';
import { MAX_ENTRIES, MAX_RATIO, MAX_TOTAL_BYTES } from './limits.ts';

export type Entry = { readonly name: string; readonly sizeBytes: number; readonly crc32: number };

export type Directory = {
  readonly entries: readonly Entry[];
  /** @throws ArtifactError `SIZE_MISMATCH` when there are more or fewer bytes than declared, `NOT_A_ZIP` when they cannot be inflated */
  read(entry: Entry): Promise<Uint8Array>;
};

const LOCAL_HEADER_BYTES = 30;
const MOST_OVERHEAD_BYTES = 1024 * 1024;
const STORED = 0;
const DEFLATED = 8;

/** Reads and doubts the list of entries. Nothing is inflated yet; sizes are the declared ones, and bounded. */
export async function readDirectory(bytes: Uint8Array): Promise<Directory> {
  if (bytes.length > MAX_TOTAL_BYTES + MOST_OVERHEAD_BYTES) throw tooLarge();
  // a view on the same memory: yauzl takes Buffers only
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const zip = await openZip(buffer);
  if (zip.entryCount > MAX_ENTRIES) {
    throw new ArtifactError(
      'TOO_MANY_ENTRIES',
      `a .llc holds at most ${MAX_ENTRIES} entries, this one says ${zip.entryCount}`,
    );
  }
  const zipEntries = await listEntries(zip);
  verifyNames(zipEntries);
  for (const entry of zipEntries) verifyEntry(entry);
  if (zipEntries.reduce((sum, entry) => sum + entry.uncompressedSize, 0) > MAX_TOTAL_BYTES) throw tooLarge();
  verifyLayout(zipEntries, buffer);

  const byName = new Map(zipEntries.map((entry) => [entry.fileName, entry]));
  return {
    entries: zipEntries.map((entry) => ({
      name: entry.fileName,
      sizeBytes: entry.uncompressedSize,
      crc32: entry.crc32,
    })),
    read: (entry) => {
      const zipEntry = byName.get(entry.name);
      if (zipEntry === undefined) throw fault('NOT_A_ZIP', entry.name, 'is not in this file');
      return readEntry(zip, zipEntry);
    },
  };
}

function openZip(buffer: Buffer): Promise<ZipFile> {
  const options = {
    lazyEntries: true,
    strictFileNames: true,
    validateEntrySizes: true,
    decodeStrings: true,
  } as const;
  return new Promise((resolve, reject) => {
    try {
      fromBuffer(buffer, options, (error, zip) => (error === null ? resolve(zip) : reject(toFault(error))));
    } catch (cause) {
      reject(toFault(cause)); // hostile numbers can throw while the end record is read
    }
  });
}

function listEntries(zip: ZipFile): Promise<ZipEntry[]> {
  return new Promise((resolve, reject) => {
    const entries: ZipEntry[] = [];
    const next = (): void => {
      try {
        zip.readEntry();
      } catch (cause) {
        reject(toFault(cause));
      }
    };
    zip.on('error', (cause: unknown) => reject(toFault(cause)));
    zip.on('end', () => resolve(entries));
    zip.on('entry', (entry: ZipEntry) => {
      entries.push(entry);
      next();
    });
    next();
  });
}

function verifyNames(entries: readonly ZipEntry[]): void {
  const seen = new Set<string>();
  for (const { fileName } of entries) {
    if (fileName !== MANIFEST_ENTRY && parseArtifactEntry(fileName) === null) {
      throw fault(
        'BAD_NAME',
        fileName,
        `may not be in a .llc; only ${MANIFEST_ENTRY} and artifacts/<id> may (zip -D leaves directories out)`,
      );
    }
    // some disks fold case: two such files would become one
    if (seen.has(fileName.toLowerCase())) throw fault('DUPLICATE_NAME', fileName, 'is in the file twice');
    seen.add(fileName.toLowerCase());
  }
}

function verifyEntry(entry: ZipEntry): void {
  const { fileName, compressionMethod, compressedSize, uncompressedSize } = entry;
  const isMadeOnUnix = entry.versionMadeBy >>> 8 === 3;
  const fileKind = (entry.externalFileAttributes >>> 16) & 0o170_000;
  const isDosDirectory = (entry.externalFileAttributes & 0x10) !== 0;
  // 0: a tool that records no kind; some record Unix kinds without saying that they are Unix
  if (
    (fileKind !== 0 && fileKind !== 0o100_000 && (isMadeOnUnix || fileKind === 0o120_000)) ||
    isDosDirectory
  ) {
    throw fault('NOT_A_FILE', fileName, 'is a link, a directory or a device');
  }
  if ((entry.generalPurposeBitFlag & 0x2041) !== 0)
    throw fault('ENCRYPTED', fileName, 'is encrypted by the zip; artifacts are sealed instead');
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    throw fault(
      'UNSUPPORTED_METHOD',
      fileName,
      `is packed by method ${compressionMethod}; only stored and deflated are read`,
    );
  }
  if (uncompressedSize > MAX_RATIO * compressedSize)
    throw fault('BAD_RATIO', fileName, `would inflate more than ${MAX_RATIO} times`);
  if (!entry.fileNameRaw.equals(Buffer.from(fileName)))
    throw fault('HEADER_MISMATCH', fileName, 'has a second name in its extra fields');
}

/** Entries begin at the first byte, do not overlap, and each tells the same name as the directory does. */
function verifyLayout(entries: readonly ZipEntry[], buffer: Buffer): void {
  let end = 0;
  const inOrder = entries.toSorted((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader);
  for (const entry of inOrder) {
    const start = entry.relativeOffsetOfLocalHeader;
    if (end === 0 && start > 0)
      throw new ArtifactError('TRAILING_BYTES', 'there are bytes before the first entry');
    if (
      start < end ||
      start + LOCAL_HEADER_BYTES > buffer.length ||
      buffer.readUInt32LE(start) !== 0x0403_4b50
    ) {
      throw fault('HEADER_MISMATCH', entry.fileName, 'does not begin where the directory says');
    }
    const nameEnd = start + LOCAL_HEADER_BYTES + buffer.readUInt16LE(start + 26);
    const localName = buffer.subarray(start + LOCAL_HEADER_BYTES, nameEnd);
    if (!localName.equals(entry.fileNameRaw) || buffer.readUInt16LE(start + 8) !== entry.compressionMethod) {
      throw fault(
        'HEADER_MISMATCH',
        entry.fileName,
        'is told one way by the directory and another by the entry',
      );
    }
    end = nameEnd + buffer.readUInt16LE(start + 28) + entry.compressedSize;
    if (end > buffer.length) throw fault('SIZE_MISMATCH', entry.fileName, 'runs past the end of the file');
  }
}

function readEntry(zip: ZipFile, entry: ZipEntry): Promise<Uint8Array> {
  const { fileName, uncompressedSize } = entry;
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error !== null) return reject(toFault(error, fileName));
      const bytes = new Uint8Array(uncompressedSize); // bounded: the sum of these was checked
      let length = 0;
      stream.on('error', (cause: unknown) => reject(toFault(cause, fileName)));
      stream.on('data', (chunk: Uint8Array) => {
        if (length + chunk.length > uncompressedSize) {
          stream.destroy();
          return reject(fault('SIZE_MISMATCH', fileName, 'inflates past its declared size'));
        }
        bytes.set(chunk, length);
        length += chunk.length;
      });
      stream.on('end', () =>
        length === uncompressedSize
          ? resolve(bytes)
          : reject(fault('SIZE_MISMATCH', fileName, 'is shorter than it declares')),
      );
    });
  });
}

/** yauzl has messages and no codes; what they say is sorted here. */
function toFault(cause: unknown, entry?: string): ArtifactError {
  if (cause instanceof ArtifactError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code: ArtifactErrorCode = /comment length|extra bytes/i.test(message)
    ? 'TRAILING_BYTES'
    : /relative path|absolute path|invalid characters in fileName/i.test(message)
      ? 'BAD_NAME'
      : /encrypt/i.test(message)
        ? 'ENCRYPTED'
        : /too many bytes|not enough bytes|size mismatch/i.test(message)
          ? 'SIZE_MISMATCH'
          : 'NOT_A_ZIP';
  return new ArtifactError(code, `not a usable .llc: ${message}`, { cause, entry });
}

function fault(code: ArtifactErrorCode, entry: string, why: string): ArtifactError {
  return new ArtifactError(code, `${JSON.stringify(entry.slice(0, 128))} ${why}`, { entry });
}

function tooLarge(): ArtifactError {
  return new ArtifactError('TOO_LARGE', `a .llc holds at most ${MAX_TOTAL_BYTES} bytes when unpacked`);
}
