import { signerFromSeed } from '@logline/canon-sign';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditOptions, type LogReader, audit } from './audit.ts';
import { emptyTiledEdge, growTiles, partialTiles, type TiledEdge } from './batch.ts';
import { signCheckpoint } from './checkpoint.ts';
import { leafHash } from './leaf.ts';
import { toVkey } from './note.ts';
import { type TileId, formatBundle, formatTilePath, tileWidth } from './tile.ts';
import { rootOf, rootOfLeaves } from './tree.ts';

const ORIGIN = 'test.local/acme';
const signer = signerFromSeed('log', new Uint8Array(32).fill(7));
const log = { origin: ORIGIN, vkeys: [toVkey(ORIGIN, signer.publicKey)] };

/** A log as files by path, as it would be served. */
type Files = Map<string, Uint8Array>;

function entriesOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => new TextEncoder().encode(`entry ${at}`));
}

function publish(entries: readonly Uint8Array[], by = signer): Files {
  const files: Files = new Map();
  const leaves = entries.map((entry) => leafHash(entry));
  const { edge, tiles } = growTiles(emptyTiledEdge(), leaves);
  for (const { level, index, bytes } of tiles) files.set(formatTilePath({ level, index, width: 256 }), bytes);
  for (const tile of partialTiles(edge.size)) files.set(formatTilePath(tile), openTile(edge, tile));
  for (let index = 0n; index * 256n < edge.size; index += 1n) {
    const width = tileWidth('entries', index, edge.size);
    const from = Number(index) * 256;
    files.set(
      formatTilePath({ level: 'entries', index, width }),
      formatBundle(entries.slice(from, from + width)),
    );
  }
  const note = signCheckpoint({ origin: ORIGIN, size: edge.size, root: rootOf(edge) }, [
    { name: ORIGIN, signer: by },
  ]);
  files.set('checkpoint', new TextEncoder().encode(note));
  return files;
}

function openTile(edge: TiledEdge, { level }: TileId): Uint8Array {
  return edge.tiles[Number(level)] ?? new Uint8Array(0);
}

function readerOf(files: Files): LogReader {
  const read = async (tile: TileId): Promise<Uint8Array | null> => files.get(formatTilePath(tile)) ?? null;
  return {
    checkpoint: async () => {
      const bytes = files.get('checkpoint');
      return bytes === undefined ? null : new TextDecoder().decode(bytes);
    },
    tile: read,
    entries: read,
  };
}

const run = (files: Files, more: Partial<AuditOptions> = {}) => audit(readerOf(files), { log, ...more });

function changed(files: Files, path: string, at: number): Files {
  const bytes = (files.get(path) ?? new Uint8Array(0)).slice();
  bytes[at] = (bytes[at] ?? 0) ^ 0x01;
  return new Map([...files, [path, bytes]]);
}

describe('a log that holds', () => {
  it.each([0, 1, 2, 255, 256, 257, 511, 512, 700])('of %i entries is found to', async (count) => {
    const files = publish(entriesOf(count));
    const seen: string[] = [];
    const report = await run(files, { onTile: (tile) => void seen.push(formatTilePath(tile)) });
    expect(report).toMatchObject({
      fault: null,
      entries: BigInt(count),
      checkpoint: { size: BigInt(count) },
    });
    // every file was read and told, once
    expect(seen.toSorted()).toEqual([...files.keys()].filter((path) => path !== 'checkpoint').toSorted());
    expect(report.tiles).toBe(seen.filter((path) => !path.includes('entries')).length);
  });

  it('is found to with more than one level of full tiles', async () => {
    const files = publish(entriesOf(65_536 + 256 + 5));
    expect(await run(files)).toMatchObject({ fault: null, entries: 65_797n, tiles: 257 + 1 + 1 + 1 + 1 });
    const bent = changed(files, 'tile/1/000', 32 * 200 + 3);
    expect((await run(bent)).fault).toMatchObject({
      code: 'TILE_MISMATCH',
      path: 'tile/1/000',
      index: 51_200n,
    });
    expect((await run(changed(files, 'tile/1/001.p/1', 0))).fault).toMatchObject({
      path: 'tile/1/001.p/1',
      index: 65_536n,
    });
    expect((await run(changed(files, 'tile/2/000.p/1', 0))).fault).toMatchObject({
      path: 'tile/2/000.p/1',
      index: 0n,
    });
  });

  it('is read a few bundles ahead and no more', async () => {
    const files = publish(entriesOf(256 * 20));
    let open = 0;
    let most = 0;
    const slow = readerOf(files);
    const entries = async (tile: TileId): Promise<Uint8Array | null> => {
      most = Math.max(most, (open += 1));
      const bytes = await slow.entries(tile);
      return bytes;
    };
    await audit(
      { ...slow, entries },
      { log, ahead: 3, onTile: ({ level }) => void (open -= level === 'entries' ? 1 : 0) },
    );
    expect(most).toBeLessThanOrEqual(4);
  });

  it('has grown from every head that was verified before', async () => {
    const entries = entriesOf(700);
    const leaves = entries.map((entry) => leafHash(entry));
    const heads = [0, 1, 7, 255, 256, 300, 512, 699, 700].map((size) => ({
      origin: ORIGIN,
      size: BigInt(size),
      root: rootOfLeaves(leaves.slice(0, size)),
    }));
    expect((await run(publish(entries), { known: heads })).fault).toBeNull();
    for (const head of heads.slice(1)) {
      const other = { ...head, root: leafHash(new Uint8Array(1)) };
      const { fault } = await run(publish(entries), { known: [...heads, other] });
      expect(fault).toMatchObject({
        code: 'ROOT_MISMATCH',
        message: expect.stringContaining(`first ${head.size} `),
      });
    }
    const beyond = { origin: ORIGIN, size: 701n, root: leafHash(new Uint8Array(1)) };
    expect((await run(publish(entries), { known: [beyond] })).fault).toBeNull();
  });
});

describe('what does not hold', () => {
  const COUNT = 600;
  const entries = entriesOf(COUNT);
  const files = publish(entries);

  it('is named by entry and file, whatever byte of the log was changed', async () => {
    const paths = [...files.keys()].filter((path) => path !== 'checkpoint');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.nat(), async (path, random) => {
        const at = random % (files.get(path)?.length ?? 1);
        const { fault } = await run(changed(files, path, at));
        expect(fault?.index).toBe(entryAt(path, at));
        // below a full row the tile above says which of the two is wrong
        const canBlame = path !== 'tile/0/002.p/88' && path !== 'tile/entries/002.p/88';
        if (canBlame) expect(fault?.path).toBe(path);
        else expect([path, null]).toContain(fault?.path);
      }),
      { numRuns: 300 },
    );
  });

  /** The entry that a byte of a file belongs to. */
  function entryAt(path: string, at: number): bigint {
    const tile = Number(/(\d{3})/.exec(path)?.[1]);
    if (path.startsWith('tile/0/')) return BigInt(tile * 256 + Math.floor(at / 32));
    if (path.startsWith('tile/1/')) return BigInt(Math.floor(at / 32) * 256);
    let end = 0;
    const index = entries.slice(tile * 256).findIndex((entry) => (end += 2 + entry.length) > at);
    return BigInt(tile * 256 + index);
  }

  it.each([...files.keys()])(
    'is named when %s is not there, is cut short or has bytes behind it',
    async (path) => {
      const without = new Map(files);
      without.delete(path);
      expect((await run(without)).fault).toMatchObject({ code: 'MISSING', path });
      const bytes = files.get(path) ?? new Uint8Array(0);
      const short = (await run(new Map([...files, [path, bytes.slice(0, -1)]]))).fault;
      expect([path, null]).toContain(short?.path);
      const long = (await run(new Map([...files, [path, Uint8Array.from([...bytes, 0x41])]]))).fault;
      expect(long).toMatchObject({ path });
    },
  );

  it('is said when entries and tiles agree and another tree is signed', async () => {
    const others = entries.with(5, new TextEncoder().encode('another'));
    const lie = publish(others);
    lie.set('checkpoint', files.get('checkpoint') ?? new Uint8Array(0));
    expect((await run(lie)).fault).toMatchObject({ code: 'ROOT_MISMATCH', index: null, path: 'checkpoint' });
  });

  it('is said of a checkpoint by another key, of another log, or that is none', async () => {
    const other = publish(entries, signerFromSeed('log', new Uint8Array(32).fill(8)));
    expect((await run(other)).fault).toMatchObject({ code: 'UNKNOWN_KEY', path: 'checkpoint' });
    const elsewhere = { origin: 'test.local/beta', vkeys: [toVkey('test.local/beta', signer.publicKey)] };
    expect((await run(files, { log: elsewhere })).fault?.code).toBe('UNKNOWN_KEY');
    expect((await run(new Map([['checkpoint', new Uint8Array(3)]]))).fault?.code).toBe('MALFORMED_NOTE');
  });

  it('is what a reader that cannot tell rejects with, and not an answer', async () => {
    const broken = { ...readerOf(files), tile: () => Promise.reject(new Error('no network')) };
    await expect(audit(broken, { log })).rejects.toThrow('no network');
  });
});
