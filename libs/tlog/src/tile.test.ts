import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, leavesOf, wholeTree } from '../test/whole-tree.ts';
import { emptyTiledEdge, growTiles } from './batch.ts';
import { consistencyNodes, proveConsistency } from './consistency.ts';
import { inclusionNodes, proveInclusion } from './inclusion.ts';
import {
  type TileId,
  formatBundle,
  formatTilePath,
  nodeFromTile,
  parseBundle,
  parseTilePath,
  tileHash,
  tileOfNode,
  tileReader,
  tilesOfNodes,
  tileWidth,
} from './tile.ts';

const paths: readonly (readonly [string, TileId])[] = [
  ['tile/0/000', { level: 0, index: 0n, width: 256 }],
  ['tile/0/256', { level: 0, index: 256n, width: 256 }],
  ['tile/0/999', { level: 0, index: 999n, width: 256 }],
  ['tile/0/x001/000', { level: 0, index: 1000n, width: 256 }],
  ['tile/0/x001/x234/067', { level: 0, index: 1_234_067n, width: 256 }],
  ['tile/0/x123/x456/789', { level: 0, index: 123_456_789n, width: 256 }],
  ['tile/1/000.p/17', { level: 1, index: 0n, width: 17 }],
  ['tile/0/000.p/112', { level: 0, index: 0n, width: 112 }],
  ['tile/63/000.p/1', { level: 63, index: 0n, width: 1 }],
  ['tile/entries/000', { level: 'entries', index: 0n, width: 256 }],
  ['tile/entries/000.p/255', { level: 'entries', index: 0n, width: 255 }],
  ['tile/entries/001.p/1', { level: 'entries', index: 1n, width: 1 }],
  ['tile/entries/x001/x234/067.p/8', { level: 'entries', index: 1_234_067n, width: 8 }],
];

test('writes and reads the paths of the spec', () => {
  for (const [path, tile] of paths) {
    expect(formatTilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  }
});

test('refuses every other way of writing a path', () => {
  const malformed = [
    '',
    'tile',
    '/tile/0/000',
    'tile/0/000/',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/0/1000',
    'tile/0/x000/000',
    'tile/0/x000/001',
    'tile/0/001/234',
    'tile/0/x001/x234',
    'tile/0/x001',
    'tile/0/-01',
    'tile/00/000',
    'tile/01/000',
    'tile/64/000',
    'tile/100/000',
    'tile/-1/000',
    'tile/x/000',
    'tile/Entries/000',
    'tile/data/000',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/000.p/999',
    'tile/0/000.p/1000',
    'tile/0/000.p/',
    'tile/0/000.p',
    'tile/0/000.P/5',
    'tile/0/000.p/5.p/5',
    'tile/0/../0/000',
    'tile/0/000\n',
    'tile/0/000%00',
    'tile/0/٠٠٠',
    'tile/0/x999/x999/x999/x999/x999/x999/999', // beyond 2^63
    `tile/0/${'x999/'.repeat(100_000)}999`,
  ];
  for (const path of malformed)
    expect([path.slice(0, 60), codeOf(() => parseTilePath(path))]).toEqual([
      path.slice(0, 60),
      'MALFORMED_TILE',
    ]);
});

test('whatever path is accepted is the one that would be written', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^tile\/[0-9e]{1,3}\/[x0-9/]{1,12}(\.p\/[0-9]{1,3})?$/)),
      (path) => {
        const isAccepted = codeOf(() => parseTilePath(path)) === 'accepted';
        expect(isAccepted ? formatTilePath(parseTilePath(path)) : path).toBe(path);
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.oneof(fc.constant('entries' as const), fc.nat(63)),
      fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      fc.integer({ min: 1, max: 256 }),
      (level, index, width) => {
        expect(parseTilePath(formatTilePath({ level, index, width }))).toEqual({ level, index, width });
      },
    ),
  );
});

test('refuses to write a path that no log has', () => {
  const wrong: TileId[] = [
    { level: -1, index: 0n, width: 256 },
    { level: 64, index: 0n, width: 256 },
    { level: 0.5, index: 0n, width: 256 },
    { level: 0, index: -1n, width: 256 },
    { level: 0, index: 0n, width: 0 },
    { level: 0, index: 0n, width: 257 },
    { level: 0, index: 0n, width: Number.NaN },
  ];
  for (const tile of wrong) expect(codeOf(() => formatTilePath(tile))).toBe('MALFORMED_TILE');
});

test('knows the widths of a tree of 70,000 leaves, and of 256', () => {
  expect(tileWidth(0, 272n, 70_000n)).toBe(256);
  expect(tileWidth(0, 273n, 70_000n)).toBe(112);
  expect(tileWidth(0, 274n, 70_000n)).toBe(0);
  expect(tileWidth(1, 0n, 70_000n)).toBe(256);
  expect(tileWidth(1, 1n, 70_000n)).toBe(17);
  expect(tileWidth(2, 0n, 70_000n)).toBe(1);
  expect(tileWidth(3, 0n, 70_000n)).toBe(0);
  expect(tileWidth(0, 0n, 256n)).toBe(256);
  expect(tileWidth(1, 0n, 256n)).toBe(1);
  expect(tileWidth('entries', 0n, 255n)).toBe(255);
  expect(tileWidth('entries', 1n, 257n)).toBe(1);
  expect(tileWidth('entries', 0n, 0n)).toBe(0);
});

test('proves from tiles alone what it proves from the whole tree', () => {
  const size = 66_000;
  const whole = wholeTree(size);
  const { edge, tiles } = growTiles(emptyTiledEdge(), whole.leaves);
  const full = new Map(
    tiles.map(({ level, index, bytes }) => [formatTilePath({ level, index, width: 256 }), bytes]),
  );
  const stored = (tile: TileId): Uint8Array =>
    full.get(formatTilePath(tile)) ?? edge.tiles[Number(tile.level)] ?? new Uint8Array(0);
  const n = BigInt(size);
  for (const index of [0n, 255n, 256n, 65_535n, 65_536n, 65_800n, 65_999n]) {
    expect(proveInclusion(index, n, tileReader(n, stored))).toEqual(proveInclusion(index, n, whole.readNode));
    const wanted = tilesOfNodes(inclusionNodes(index, n), n);
    expect(new Set(wanted.map(formatTilePath)).size).toBe(wanted.length);
    // fetched beforehand, they are enough
    const fetched = new Map(wanted.map((tile) => [formatTilePath(tile), stored(tile)]));
    const reader = tileReader(n, (tile) => fetched.get(formatTilePath(tile)) ?? new Uint8Array(0));
    expect(proveInclusion(index, n, reader)).toEqual(proveInclusion(index, n, whole.readNode));
  }
  for (const old of [1n, 300n, 65_536n, 65_999n]) {
    expect(proveConsistency(old, n, tileReader(n, stored))).toEqual(proveConsistency(old, n, whole.readNode));
    for (const tile of tilesOfNodes(consistencyNodes(old, n), n)) expect(tile.width).toBeGreaterThan(0);
  }
});

test('refuses a tile that is not a row of hashes or does not reach the node', () => {
  const node = { level: 3, index: 1n };
  expect(tileOfNode(node, 16n)).toEqual({ level: 0, index: 0n, width: 16 });
  for (const length of [0, 31, 15 * 32, 16 * 32 + 1, 257 * 32]) {
    expect(codeOf(() => nodeFromTile(new Uint8Array(length), node))).toBe('MALFORMED_TILE');
  }
  expect(nodeFromTile(new Uint8Array(16 * 32), node)).toHaveLength(32);
});

test('hashes a full tile into its parent, and never a partial one', () => {
  const whole = wholeTree(256);
  const { tiles } = growTiles(emptyTiledEdge(), leavesOf(256));
  expect(tileHash(tiles[0]?.bytes ?? new Uint8Array(0))).toEqual(whole.rootAt(256));
  expect(codeOf(() => tileHash(new Uint8Array(255 * 32)))).toBe('MALFORMED_TILE');
});

test('writes and reads a bundle of entries', () => {
  const text = new TextEncoder();
  const entries = ['one', 'two', 'three'].map((entry) => text.encode(entry));
  const bundle = formatBundle(entries);
  expect(Buffer.from(bundle).toString('hex')).toBe('00036f6e65000374776f00057468726565');
  expect(parseBundle(bundle, 3)).toEqual(entries);
  expect(parseBundle(Uint8Array.of(1, 2, ...bundle).subarray(2), 3)).toEqual(entries);
  expect(parseBundle(new Uint8Array(0), 0)).toEqual([]);
  expect(
    parseBundle(formatBundle([new Uint8Array(0), new Uint8Array(65_535)]), 2).map(({ length }) => length),
  ).toEqual([0, 65_535]);
});

test('refuses an entry that fits no bundle, and a bundle that is cut, too long or miscounted', () => {
  expect(codeOf(() => formatBundle([new Uint8Array(65_536)]))).toBe('ENTRY_TOO_LARGE');
  expect(codeOf(() => formatBundle(Array.from({ length: 257 }, () => new Uint8Array(0))))).toBe(
    'MALFORMED_TILE',
  );
  const bundle = formatBundle([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
  expect(codeOf(() => parseBundle(bundle, 1))).toBe('MALFORMED_TILE');
  expect(codeOf(() => parseBundle(bundle, 3))).toBe('MALFORMED_TILE');
  for (let length = 0; length < bundle.length; length++) {
    expect(codeOf(() => parseBundle(bundle.subarray(0, length), 2))).toBe('MALFORMED_TILE');
  }
});
