import { existsSync, readFileSync } from 'node:fs';
import { formatBase64, formatHex, parseBase64, utf8 } from '@logline/canon-sign';
import { describe, expect, test } from 'vitest';
import { JUDGED, judgeVectors, type VectorFiles } from '../test/vector-verdicts.ts';
import { codeOf, readVectors } from '../test/whole-tree.ts';
import { verifyCheckpoint } from './checkpoint.ts';
import { verifyConsistency } from './consistency.ts';
import { verifyInclusion } from './inclusion.ts';
import { leafHash } from './leaf.ts';
import { decodeNote, formatVkey, parseVkey, verifyNote } from './note.ts';
import { parseProof, verifyProof } from './proof.ts';
import { type ReceiptClaim, verifyReceipt } from './receipt.ts';
import { formatBundle, formatTilePath, parseBundle, parseTilePath, tileWidth } from './tile.ts';
import { appendLeaves, emptyEdge, emptyRoot, formatEdge, parseEdge, rootOf } from './tree.ts';
import * as verifier from './verify.ts';

/** Every case either comes out as written or is refused with the code written: `expected` is undefined where it is refused. */
interface Case {
  readonly name: string;
  readonly code?: string;
}

function decodeAll(list: readonly string[]): Uint8Array[] {
  return list.map(parseBase64);
}

describe('published vectors', () => {
  interface Published {
    hashes: { empty_root: string; leaves: { entry: string; hash: string }[] };
    notes: { source: string; vkey: string; name: string; text: string; signature: string }[];
    bad_vkeys: { why: string; vkey: string }[];
    log: {
      origin: string;
      vkey: string;
      entries: string[];
      bundle_begins: string;
      roots: string[];
      signatures: { size: string; signature: string }[];
    };
    entry_paths: { cases: { index: string; size: string; path: string }[] };
  }
  const published = readVectors<Published>('published.json');

  test('hashes of RFC 6962', () => {
    expect(formatHex(emptyRoot())).toBe(published.hashes.empty_root);
    for (const { entry, hash } of published.hashes.leaves)
      expect(formatHex(leafHash(utf8(entry)))).toBe(hash);
  });

  test.each(published.notes)('note of $source', ({ vkey, name, text, signature }) => {
    const key = parseVkey(vkey);
    expect(key.name).toBe(name);
    expect(formatVkey(key.name, key.publicKey)).toBe(vkey);
    expect(verifyNote(`${text}\n— ${name} ${signature}\n`, [key]).text).toBe(text);
    expect(codeOf(() => verifyNote(`${text}\n\n— ${name} ${signature}\n`, [key]))).toBe('SIGNATURE_INVALID');
  });

  test.each(published.bad_vkeys)('refused key: $why', ({ vkey }) => {
    expect(codeOf(() => parseVkey(vkey))).toBe('MALFORMED_KEY');
  });

  test('the log of Tessera: all its roots, its signed checkpoints, its bundle', () => {
    const { origin, vkey, entries, roots, signatures, bundle_begins } = published.log;
    const leaves = entries.map((entry) => leafHash(utf8(entry)));
    roots.forEach((root, size) => {
      expect(formatBase64(rootOf(appendLeaves(emptyEdge(), leaves.slice(0, size))))).toBe(root);
    });
    for (const { size, signature } of signatures) {
      const root = roots[Number(size)] ?? '';
      const note = `${origin}\n${size}\n${root}\n\n— ${origin} ${signature}\n`;
      const checkpoint = verifyCheckpoint(note, { origin, vkeys: [parseVkey(vkey)] });
      expect(checkpoint).toEqual({ origin, size: BigInt(size), root: parseBase64(root) });
    }
    const bundle = formatHex(formatBundle(entries.map((entry) => utf8(entry))));
    expect(bundle.startsWith(bundle_begins)).toBe(true);
  });

  test.each(published.entry_paths.cases)('entry $index of $size lies in $path', ({ index, size, path }) => {
    const bundle = BigInt(index) / 256n;
    const width = tileWidth('entries', bundle, BigInt(size));
    expect(formatTilePath({ level: 'entries', index: bundle, width })).toBe(path);
  });
});

test('tree.json: roots and right edges', () => {
  const { cases } = readVectors<{ cases: { size: string; root: string; edge: string }[] }>('tree.json');
  for (const { size, root, edge } of cases) {
    const leaves = Array.from({ length: Number(size) }, (_, at) => leafHash(utf8(String(at))));
    const built = appendLeaves(emptyEdge(), leaves);
    expect(formatBase64(rootOf(built))).toBe(root);
    expect(formatBase64(formatEdge(built))).toBe(edge);
    expect(parseEdge(parseBase64(edge))).toEqual(built);
  }
});

describe('inclusion.json', () => {
  interface Inclusion extends Case {
    index: string;
    size: string;
    leaf_hash: string;
    root: string;
    proof: string[];
  }
  test.each(readVectors<{ cases: Inclusion[] }>('inclusion.json').cases)('$name', (given) => {
    const claim = { index: BigInt(given.index), size: BigInt(given.size), proof: decodeAll(given.proof) };
    const verify = () =>
      verifyInclusion({ ...claim, leafHash: parseBase64(given.leaf_hash) }, parseBase64(given.root));
    expect(codeOf(verify)).toBe(given.code ?? 'accepted');
  });
});

describe('consistency.json', () => {
  interface Consistency extends Case {
    old_size: string;
    new_size: string;
    old_root: string;
    new_root: string;
    proof: string[];
  }
  test.each(readVectors<{ cases: Consistency[] }>('consistency.json').cases)('$name', (given) => {
    const claim = {
      oldSize: BigInt(given.old_size),
      newSize: BigInt(given.new_size),
      proof: decodeAll(given.proof),
    };
    const verify = () => verifyConsistency(claim, parseBase64(given.old_root), parseBase64(given.new_root));
    expect(codeOf(verify)).toBe(given.code ?? 'accepted');
  });
});

describe('tiles.json', () => {
  interface Tiles {
    paths: { path: string; level: number | 'entries'; index: string; width: number }[];
    malformed_paths: string[];
    widths: { level: number | 'entries'; index: string; size: string; width: number }[];
    bundles: { name: string; entries: string[]; bundle: string }[];
    malformed_bundles: { name: string; width: number; bundle: string }[];
  }
  const tiles = readVectors<Tiles>('tiles.json');

  test.each(tiles.paths)('path $path', ({ path, level, index, width }) => {
    const tile = { level, index: BigInt(index), width };
    expect(parseTilePath(path)).toEqual(tile);
    expect(formatTilePath(tile)).toBe(path);
  });

  test.each(tiles.malformed_paths)('refused path %j', (path) => {
    expect(codeOf(() => parseTilePath(path))).toBe('MALFORMED_TILE');
  });

  test.each(tiles.widths)('tile $index of level $level at size $size', ({ level, index, size, width }) => {
    expect(tileWidth(level, BigInt(index), BigInt(size))).toBe(width);
  });

  test.each(tiles.bundles)('bundle of $name', ({ entries, bundle }) => {
    const bytes = entries.map((entry) => utf8(entry));
    expect(formatBase64(formatBundle(bytes))).toBe(bundle);
    expect(parseBundle(parseBase64(bundle), entries.length)).toEqual(bytes);
  });

  test.each(tiles.malformed_bundles)('refused bundle: $name', ({ width, bundle }) => {
    expect(codeOf(() => parseBundle(parseBase64(bundle), width))).toBe('MALFORMED_TILE');
  });
});

describe('notes.json', () => {
  interface Notes {
    vkeys: { name: string; public_key: string; vkey: string }[];
    malformed_vkeys: string[];
    cases: (Case & { note?: string; note_bytes?: string; vkeys: string[]; text?: string })[];
  }
  const notes = readVectors<Notes>('notes.json');

  test.each(notes.vkeys)('key $vkey', ({ name, public_key, vkey }) => {
    expect(formatVkey(name, parseBase64(public_key))).toBe(vkey);
    expect(parseVkey(vkey)).toMatchObject({ name, publicKey: parseBase64(public_key) });
  });

  test.each(notes.malformed_vkeys)('refused key %j', (vkey) => {
    expect(codeOf(() => parseVkey(vkey))).toBe('MALFORMED_KEY');
  });

  test.each(notes.cases)('$name', ({ note, note_bytes, vkeys, text, code }) => {
    const verify = () => {
      const read = note ?? decodeNote(parseBase64(note_bytes ?? ''));
      return verifyNote(read, vkeys.map(parseVkey));
    };
    expect(codeOf(verify)).toBe(code ?? 'accepted');
    if (code !== undefined) return;
    expect(verify().text).toBe(text);
  });
});

describe('checkpoints.json', () => {
  interface Checkpoint extends Case {
    note: string;
    origin: string;
    vkeys: string[];
    size: string;
    root: string;
    extensions?: string[];
  }
  test.each(readVectors<{ cases: Checkpoint[] }>('checkpoints.json').cases)('$name', (given) => {
    const { note, origin, code } = given;
    const verify = () => verifyCheckpoint(note, { origin, vkeys: given.vkeys.map(parseVkey) });
    expect(codeOf(verify)).toBe(code ?? 'accepted');
    if (code !== undefined) return;
    const { size, root, extensions } = verify();
    expect({ size: size.toString(), root: formatBase64(root), extensions }).toEqual({
      size: given.size,
      root: given.root,
      extensions: given.extensions,
    });
  });
});

describe('proofs.json', () => {
  interface Proof extends Case {
    text: string;
    leaf_hash: string;
    origin: string;
    vkeys: string[];
    index: string;
    size: string;
    root: string;
    extra?: string;
  }
  test.each(readVectors<{ cases: Proof[] }>('proofs.json').cases)('$name', (given) => {
    const log = { origin: given.origin, vkeys: given.vkeys.map(parseVkey) };
    const verify = () => verifyProof(given.text, parseBase64(given.leaf_hash), log);
    expect(codeOf(verify)).toBe(given.code ?? 'accepted');
    if (given.code !== undefined) return;
    expect(verify()).toEqual({
      origin: given.origin,
      index: BigInt(given.index),
      size: BigInt(given.size),
      root: parseBase64(given.root),
    });
    const { extra } = parseProof(given.text);
    expect(extra === undefined ? undefined : formatBase64(extra)).toBe(given.extra);
  });
});

describe('receipts.json', () => {
  interface Receipt extends Case {
    receipt: ReceiptClaim['receipt'];
    span: string;
    vkeys: string[];
    index: string;
    size: string;
    root: string;
  }
  test.each(readVectors<{ cases: Receipt[] }>('receipts.json').cases)('$name', (given) => {
    const claim = { receipt: given.receipt, spanBytes: utf8(given.span), vkeys: given.vkeys.map(parseVkey) };
    const verify = () => verifyReceipt(claim);
    expect(codeOf(verify)).toBe(given.code ?? 'accepted');
    if (given.code !== undefined) return;
    expect(verify()).toMatchObject({
      origin: given.receipt.log,
      index: BigInt(given.index),
      size: BigInt(given.size),
      root: parseBase64(given.root),
    });
  });
});

test('growth.json, and all that the offline verifier judges: the verdicts of its own door', () => {
  const files = Object.fromEntries(JUDGED.map((name) => [name, readVectors(`${name}.json`)]));
  const judged = judgeVectors(verifier, files as VectorFiles);
  expect(judged.length).toBeGreaterThan(190);
  expect(judged.filter(({ verdict, expected }) => verdict !== expected)).toEqual([]);
});

// Third-party files that are not part of the repository: beside it, or where LOGLINE_SHARED says.
const shared = process.env['LOGLINE_SHARED'] ?? new URL('../../../../shared', import.meta.url).pathname;
const merkle = `${shared}/vectors/merkle.json`;
const skipReason = existsSync(merkle) ? undefined : 'no vectors/merkle.json in ../shared or LOGLINE_SHARED';
if (skipReason !== undefined) console.warn(`skipped: the Merkle vectors of transparency-dev: ${skipReason}`);
const why = { meta: { skipReason } };

describe.skipIf(skipReason !== undefined)('the 196 vectors of transparency-dev/merkle', why, () => {
  interface Merkle {
    inclusion: {
      file: string;
      leafIdx: number;
      treeSize: number;
      leafHash: string;
      root: string;
      proof: string[] | null;
      wantErr: boolean;
    }[];
    consistency: {
      file: string;
      size1: number;
      size2: number;
      root1: string;
      root2: string;
      proof: string[] | null;
      wantErr: boolean;
    }[];
  }
  // read inside: describe runs its body also when it is skipped
  const read = (): Merkle =>
    existsSync(merkle)
      ? (JSON.parse(readFileSync(merkle, 'utf8')) as Merkle)
      : { inclusion: [], consistency: [] };

  test('are all there', () => {
    expect(read().inclusion).toHaveLength(98);
    expect(read().consistency).toHaveLength(98);
  });

  test.each(read().inclusion)('$file', ({ leafIdx, treeSize, leafHash: leaf, root, proof, wantErr }) => {
    const claim = {
      index: BigInt(leafIdx),
      size: BigInt(treeSize),
      leafHash: parseBase64(leaf),
      proof: decodeAll(proof ?? []),
    };
    const code = codeOf(() => verifyInclusion(claim, parseBase64(root)));
    expect(code).toMatch(wantErr ? /^(MALFORMED_PROOF|ROOT_MISMATCH)$/ : /^accepted$/);
  });

  // The reference refuses every growth from size 0; we accept it from the true empty root with the empty proof, as
  // witnesses must. None of these vectors is such a claim: those from size 0 have a proof, or a root that is no root.
  test.each(read().consistency)('$file', ({ size1, size2, root1, root2, proof, wantErr }) => {
    const claim = { oldSize: BigInt(size1), newSize: BigInt(size2), proof: decodeAll(proof ?? []) };
    const code = codeOf(() => verifyConsistency(claim, parseBase64(root1), parseBase64(root2)));
    expect(code).toMatch(wantErr ? /^(MALFORMED_PROOF|ROOT_MISMATCH)$/ : /^accepted$/);
  });
});
