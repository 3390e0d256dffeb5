// Writes spec/vectors/tlog/*.json, which every language runs; published.json beside them is by hand, from others' tests.
// What must come out is written down here wherever a hand can; only hashes and signatures are computed. A case with a
// `code` must be refused with that code. Bytes are base64, sizes and indexes are decimal text. Writing again changes nothing.
//   node --conditions=@logline/source --disable-warning=ExperimentalWarning spec/vectors/generate-tlog.mjs [folder]
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { blake3Hash, canonicalText, formatBase64, parseBase64, signerFromSeed, signObjectSync, utf8 } from '@logline/canon-sign';
import {
  appendBatch,
  appendLeaves,
  emptyEdge,
  emptyRoot,
  emptyTiledEdge,
  formatBundle,
  formatCheckpoint,
  formatEdge,
  formatProof,
  formatVkey,
  formatTilePath,
  growTiles,
  leafHash,
  nodeHash,
  partialTiles,
  proveConsistency,
  proveInclusion,
  rootOf,
  signCheckpoint,
  signNote,
  tileReader,
} from '@logline/tlog';

const ORIGIN = 'log.example/acme';
const signer = (which) => signerFromSeed(`kid_${which}`, new Uint8Array(32).fill(which));
const logKey = { name: ORIGIN, signer: signer(1) };
const otherKey = { name: ORIGIN, signer: signer(2) };
const strangerKey = { name: 'stranger.example', signer: signer(3) };
const vkeyOf = ({ name, signer: { publicKey } }) => formatVkey(name, publicKey);
const b64 = formatBase64;
const hashes = (list) => list.map(b64);
const flip = (bytes, at = 0) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

// the log that all cases are about: its entries are "0", "1", "2", …
const LARGEST = 65_537;
const leaves = Array.from({ length: LARGEST }, (_, i) => leafHash(utf8(String(i))));
const roots = new Map();
const rootAt = (size) => roots.get(size) ?? roots.set(size, rootOf(appendLeaves(emptyEdge(), leaves.slice(0, size)))).get(size);
// every complete subtree, level by level: whatever the size, they are the same
const levels = [leaves];
for (let below = leaves; below.length > 1; below = levels.at(-1)) levels.push(Array.from({ length: below.length >> 1 }, (_, i) => nodeHash(below[2 * i], below[2 * i + 1])));
const readNode = (level, index) => levels[level][Number(index)];
const tilesAt = (size) => growTiles(emptyTiledEdge(), leaves.slice(0, size));
/** The tiles of the first `size` entries, by their paths. */
const servedAt = ({ edge, tiles }) => {
  const served = new Map(tiles.map(({ level, index, bytes }) => [formatTilePath({ level, index, width: 256 }), bytes]));
  for (const tile of partialTiles(edge.size)) served.set(formatTilePath(tile), edge.tiles[tile.level]);
  return served;
};
const readerOf = (of) => {
  const served = servedAt(of);
  return tileReader(of.edge.size, (tile) => served.get(formatTilePath(tile)));
};

function tree() {
  const sizes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 255, 256, 257, 511, 512, 513, 600];
  return {
    about: 'RFC 9162 §2.1: roots of the tree over the entries "0", "1", "2", …; and its right edge: u64 size, then the roots of its complete subtrees',
    cases: sizes.map((size) => ({ size: `${size}`, root: b64(rootAt(size)), edge: b64(formatEdge(appendLeaves(emptyEdge(), leaves.slice(0, size)))) })),
  };
}

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
/** Many results in little room: one hash over all, and a hex digit of each, so that a wrong one can be named. */
const summary = (results) => {
  const each = results.map((parts) => sha256(...parts));
  return { digest: sha256(...each).toString('base64'), marks: each.map((hash) => hash.toString('hex')[0]).join('') };
};

function sizes() {
  const at = [0, 1, 2, 3, 127, 128, 255, 256, 257, 511, 512, 513, 4095, 4096, 32_767, 32_768, 65_279, 65_280, 65_281, 65_534, 65_535, 65_536, 65_537];
  const all = (count) => Array.from({ length: count }, (_, i) => i);
  const of = (size) => {
    const sampled = size > 1000 ? { sampled: at.filter((i) => i <= size) } : {};
    const counted = sampled.sampled ?? all(size + 1);
    const { edge, tiles } = tilesAt(size);
    const tileLevels = [...new Set(tiles.map(({ level }) => level))];
    return {
      size: `${size}`,
      root: b64(rootAt(size)),
      ...sampled,
      inclusion: summary(counted.filter((i) => i < size).map((index) => proveInclusion(BigInt(index), BigInt(size), readNode))),
      consistency: summary(counted.map((old) => proveConsistency(BigInt(old), BigInt(size), readNode))),
      full_tiles: tileLevels.map((level) => summary(tiles.filter((tile) => tile.level === level).map(({ bytes }) => [bytes]))),
      partial_tiles: Object.fromEntries(partialTiles(edge.size).map((tile) => [formatTilePath(tile), sha256(edge.tiles[tile.level]).toString('base64')])),
    };
  };
  const around = [511, 512, 513, 600, 65_279, 65_280, 65_281, 65_535, 65_536, 65_537];
  return {
    about:
      'Everything about the tree over the first `size` entries "0", "1", "2", …: its root, all inclusion proofs (of leaf 0, 1, …), all consistency proofs (from size 0, 1, … to this one) and its tiles. Where there is a list `sampled`, only of those. A summary is of results in order, each hashed alone: h = SHA-256(all its bytes, hash after hash); `digest` = SHA-256(h0 ‖ h1 ‖ …), and `marks` has the first hex digit of each h, which names the one that is wrong. `full_tiles` has a summary for each tile level; `partial_tiles` the SHA-256 of each',
    cases: [...all(301), ...around].map(of),
  };
}

/** The tree that RFC 9162 §2.1.5 draws, its names for the nodes, and its proofs as it lists them. */
function rfc9162() {
  const d = ['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6'];
  const [a, b, c, e1, e, f, j] = d.map((entry) => leafHash(utf8(entry)));
  const [g, h, i] = [nodeHash(a, b), nodeHash(c, e1), nodeHash(e, f)];
  const [k, l] = [nodeHash(g, h), nodeHash(i, j)];
  const nodes = { a, b, c, d: e1, e, f, g, h, i, j, k, l };
  const roots = { 3: nodeHash(g, c), 4: k, 6: nodeHash(k, i), 7: nodeHash(k, l) };
  const encoded = (named) => Object.fromEntries(Object.entries(named).map(([name, hash]) => [name, b64(hash)]));
  return {
    about: 'RFC 9162 §2.1.5: the tree of seven leaves, its nodes by the names that the RFC gives them, and the proofs that it lists. The entries are the texts "d0" to "d6", where the RFC leaves them open; j is the hash of d6',
    entries: d,
    nodes: encoded(nodes),
    roots: encoded(roots),
    inclusion: [
      { index: '0', proof: ['b', 'h', 'l'] },
      { index: '3', proof: ['c', 'g', 'l'] },
      { index: '4', proof: ['f', 'j', 'k'] },
      { index: '6', proof: ['i', 'k'] },
    ],
    consistency: [
      { old_size: '3', proof: ['c', 'd', 'g', 'l'] },
      { old_size: '4', proof: ['l'] },
      { old_size: '6', proof: ['i', 'j', 'k'] },
    ],
  };
}

function inclusion() {
  const pairs = [[0, 1], [0, 2], [1, 2], [2, 3], [0, 7], [3, 7], [6, 7], [7, 8], [100, 255], [255, 256], [256, 257], [0, 600], [511, 600], [599, 600], [0, 65_536], [65_535, 65_536], [0, 65_537], [65_279, 65_537], [65_536, 65_537]];
  const of = (index, size) => ({ index: `${index}`, size: `${size}`, leaf_hash: b64(leaves[index]), root: b64(rootAt(size)), proof: hashes(proveInclusion(BigInt(index), BigInt(size), readNode)) });
  const good = of(3, 7);
  const flat = parseBase64(good.proof[1]);
  return {
    about: 'RFC 9162 §2.1.3: inclusion proofs, from the leaf’s sibling to the root’s child',
    cases: [
      ...pairs.map(([index, size]) => ({ name: `leaf ${index} of ${size}`, ...of(index, size) })),
      { name: 'a hash too few', ...good, proof: good.proof.slice(1), code: 'MALFORMED_PROOF' },
      { name: 'a hash too many', ...good, proof: [...good.proof, good.root], code: 'MALFORMED_PROOF' },
      { name: 'no hashes', ...good, proof: [], code: 'MALFORMED_PROOF' },
      { name: 'a short hash', ...good, proof: [good.proof[0], b64(flat.slice(1)), good.proof[2]], code: 'MALFORMED_PROOF' },
      { name: 'a short leaf hash', ...good, leaf_hash: b64(leaves[3].slice(1)), code: 'MALFORMED_PROOF' },
      { name: 'a long root', ...good, root: b64(Uint8Array.of(...rootAt(7), 0)), code: 'MALFORMED_PROOF' },
      { name: 'an index that is the size', ...good, index: '7', code: 'MALFORMED_PROOF' },
      { name: 'an index beyond 64 bits', ...good, index: '18446744073709551615', code: 'MALFORMED_PROOF' },
      { name: 'the empty tree', ...good, index: '0', size: '0', proof: [], root: b64(emptyRoot()), code: 'MALFORMED_PROOF' },
      { name: 'a size beyond 63 bits', ...good, size: '9223372036854775808', code: 'MALFORMED_PROOF' },
      { name: 'a flipped bit in the proof', ...good, proof: [good.proof[0], b64(flip(flat)), good.proof[2]], code: 'ROOT_MISMATCH' },
      { name: 'hashes in another order', ...good, proof: good.proof.toReversed(), code: 'ROOT_MISMATCH' },
      { name: 'another leaf', ...good, leaf_hash: b64(leaves[2]), code: 'ROOT_MISMATCH' },
      { name: 'another index', ...good, index: '2', code: 'ROOT_MISMATCH' },
      { name: 'the root of another size', ...good, root: b64(rootAt(6)), code: 'ROOT_MISMATCH' },
    ],
  };
}

function consistency() {
  const pairs = [[0, 0], [0, 1], [0, 600], [1, 1], [1, 2], [1, 8], [2, 3], [3, 7], [4, 7], [6, 8], [7, 8], [8, 8], [255, 256], [256, 257], [256, 600], [599, 600], [255, 65_536], [65_535, 65_536], [257, 65_537], [65_280, 65_537], [65_536, 65_537]];
  const of = (old, size) => ({ old_size: `${old}`, new_size: `${size}`, old_root: b64(rootAt(old)), new_root: b64(rootAt(size)), proof: hashes(proveConsistency(BigInt(old), BigInt(size), readNode)) });
  const good = of(3, 7);
  return {
    about: 'RFC 9162 §2.1.4: consistency proofs. From size 0 the proof is empty and the old root that of the empty tree (C2SP tlog-witness)',
    cases: [
      ...pairs.map(([old, size]) => ({ name: `from ${old} to ${size}`, ...of(old, size) })),
      { name: 'a hash too few', ...good, proof: good.proof.slice(1), code: 'MALFORMED_PROOF' },
      { name: 'a hash too many', ...good, proof: [...good.proof, good.new_root], code: 'MALFORMED_PROOF' },
      { name: 'a shrinking tree', ...good, old_size: '7', new_size: '3', code: 'MALFORMED_PROOF' },
      { name: 'a short root', ...good, old_root: b64(rootAt(3).slice(1)), code: 'MALFORMED_PROOF' },
      { name: 'a proof from size 0', ...of(0, 7), proof: [good.new_root], code: 'MALFORMED_PROOF' },
      { name: 'size 0 with the root of another tree', ...of(0, 7), old_root: good.old_root, code: 'ROOT_MISMATCH' },
      { name: 'from 0 to 0 with roots of another tree', ...of(0, 0), old_root: good.old_root, new_root: good.old_root, code: 'ROOT_MISMATCH' },
      { name: 'equal sizes with different roots', ...of(3, 3), new_root: good.new_root, code: 'ROOT_MISMATCH' },
      { name: 'equal sizes with a proof', ...of(3, 3), proof: [good.old_root], code: 'MALFORMED_PROOF' },
      { name: 'a flipped bit in the proof', ...good, proof: good.proof.with(1, b64(flip(parseBase64(good.proof[1])))), code: 'ROOT_MISMATCH' },
      { name: 'another old root', ...good, old_root: b64(rootAt(4)), code: 'ROOT_MISMATCH' },
      { name: 'another new root', ...good, new_root: b64(rootAt(8)), code: 'ROOT_MISMATCH' },
      { name: 'another old size', ...good, old_size: '2', code: 'MALFORMED_PROOF' },
    ],
  };
}

function tilesFile() {
  const path = (text, level, index, width) => ({ path: text, level, index, width });
  return {
    about: 'C2SP tlog-tiles: paths, widths and entry bundles. A width of 0 is a tile that is not served',
    paths: [
      path('tile/0/000', 0, '0', 256),
      path('tile/0/256', 0, '256', 256),
      path('tile/0/x001/x234/067', 0, '1234067', 256),
      path('tile/0/x123/x456/789', 0, '123456789', 256),
      path('tile/0/255', 0, '255', 256),
      path('tile/0/999', 0, '999', 256),
      path('tile/0/x001/000', 0, '1000', 256),
      path('tile/0/x065/535', 0, '65535', 256),
      path('tile/0/x065/536', 0, '65536', 256),
      path('tile/0/x065/537.p/255', 0, '65537', 255),
      path('tile/1/256.p/1', 1, '256', 1),
      path('tile/0/x009/x223/x372/x036/x854/x775/807', 0, '9223372036854775807', 256),
      path('tile/0/000.p/112', 0, '0', 112),
      path('tile/1/001.p/17', 1, '1', 17),
      path('tile/63/000.p/1', 63, '0', 1),
      path('tile/entries/000', 'entries', '0', 256),
      path('tile/entries/000.p/255', 'entries', '0', 255),
      path('tile/entries/x001/000.p/1', 'entries', '1000', 1),
    ],
    malformed_paths: [
      '', 'tile', 'tile/0', 'tile/0/', '/tile/0/000', 'tile/0/000/', 'tile/0/0', 'tile/0/00', 'tile/0/0000', 'tile/0/1000', 'tile/0/x000/001', 'tile/0/001/234',
      'tile/0/x001', 'tile/00/000', 'tile/01/000', 'tile/64/000', 'tile/-1/000', 'tile/data/000', 'tile/Entries/000', 'tile/0/000.p/', 'tile/0/000.p/0', 'tile/0/000.p/01',
      'tile/0/000.p/256', 'tile/0/000.p/1000', 'tile/0/000.p/5.p/5', 'tile/0/../0/000', 'tile/0/000\n', 'tile/0/٠٠٠', 'tile/0/x999/x999/x999/x999/x999/x999/999',
    ],
    widths: [
      [0, '0', '0', 0], [0, '0', '1', 1], [0, '0', '255', 255], [0, '0', '256', 256], [0, '1', '256', 0], [1, '0', '255', 0], [1, '0', '256', 1], [0, '272', '70000', 256],
      [0, '273', '70000', 112], [0, '274', '70000', 0], [1, '0', '70000', 256], [1, '1', '70000', 17], [2, '0', '70000', 1], [3, '0', '70000', 0],
      [0, '255', '65535', 255], [0, '255', '65536', 256], [0, '256', '65536', 0], [0, '256', '65537', 1], [1, '0', '65535', 255], [1, '0', '65536', 256], [1, '1', '65537', 0],
      [2, '0', '65535', 0], [2, '0', '65536', 1], [2, '0', '65537', 1], [0, '36028797018963967', '9223372036854775807', 255], [7, '0', '9223372036854775807', 127], [8, '0', '9223372036854775807', 0],
      ['entries', '0', '255', 255], ['entries', '1', '257', 1],
    ].map(([level, index, size, width]) => ({ level, index, size, width })),
    bundles: [
      { name: 'nothing', entries: [], bundle: '' },
      { name: 'one, two, three', entries: ['one', 'two', 'three'], bundle: b64(formatBundle(['one', 'two', 'three'].map(utf8))) },
      { name: 'an empty entry', entries: ['', 'a'], bundle: b64(Uint8Array.of(0, 0, 0, 1, 0x61)) },
    ],
    malformed_bundles: [
      { name: 'half a length', width: 1, bundle: b64(Uint8Array.of(0)) },
      { name: 'an entry cut short', width: 1, bundle: b64(Uint8Array.of(0, 2, 1)) },
      { name: 'an entry too few', width: 2, bundle: b64(Uint8Array.of(0, 1, 1)) },
      { name: 'an entry too many', width: 1, bundle: b64(Uint8Array.of(0, 0, 0, 0)) },
    ],
  };
}

const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const toInteger = (littleEndian) => littleEndian.reduceRight((integer, byte) => (integer << 8n) | BigInt(byte), 0n);
const toScalar = (integer) => Uint8Array.from({ length: 32 }, (_, i) => Number((integer >> BigInt(8 * i)) & 0xffn));

function notes() {
  const text = 'First line.\n\nA line after an empty one: ação.\n';
  const vkeys = [vkeyOf(logKey), vkeyOf(otherKey)];
  const good = signNote(text, [logKey]);
  const line = good.slice(text.length + 1);
  const [, , blob] = line.trimEnd().split(' ');
  const withLines = (...lines) => `${text}\n${lines.join('')}`;
  const garbled = (name, change) => {
    const bytes = parseBase64(blob);
    change(bytes);
    return `— ${name} ${b64(bytes)}\n`;
  };
  const unknown = Array.from({ length: 16 }, (_, i) => `— grease.example/${i} ${b64(new Uint8Array(5 + 300 * i).fill(i))}\n`);
  const malformed = {
    'nothing': '',
    'a newline': '\n',
    'no signatures': text,
    'an empty line and no signatures': `${text}\n`,
    'no empty line before the signatures': `Text.\n${line}`,
    'no newline at the end': good.slice(0, -1),
    'a line that is no signature': withLines(line, 'hello\n'),
    'a hyphen for the dash': withLines(line.replace('—', '-')),
    'no space after the dash': withLines(line.replace('— ', '—')),
    'two spaces after the dash': withLines(line.replace('— ', '—  ')),
    'no name': withLines(`—  ${blob}\n`),
    'a plus in the name': withLines(`— a+b ${blob}\n`),
    'a Unicode space in the name': withLines(`— a\u2003b ${blob}\n`),
    'something after the signature': withLines(`— ${ORIGIN} ${blob} x\n`),
    'a space at the end of the line': withLines(`— ${ORIGIN} ${blob} \n`),
    'base64 that is none': withLines(`— ${ORIGIN} ${blob.slice(0, -1)}!\n`),
    'base64 without its padding': withLines(`— ${ORIGIN} ${blob.replace(/=+$/, '')}\n`),
    'base64 in a second spelling': withLines(`— ${ORIGIN} AAAAAAB=\n`),
    'only a key id': withLines(`— ${ORIGIN} ${b64(new Uint8Array(4))}\n`),
    'less than a key id': withLines(`— ${ORIGIN} AA==\n`),
    'a carriage return': good.replaceAll('\n', '\r\n'),
    'a tab in the text': `a\tb\n\n${line}`,
    'a zero in the text': `a\u0000b\n\n${line}`,
    'more signatures than anybody reads': withLines(...Array.from({ length: 101 }, () => line)),
  };
  const notUtf8 = utf8(good);
  notUtf8[0] = 0xff;
  // signatures that verifiers disagree about, each of them good by the group equation alone (protocol §2)
  const strict = (publicKey, R, scalar) => {
    const name = ORIGIN;
    const challenge = toInteger(createHash('sha512').update(R).update(publicKey).update(utf8(text)).digest()) % GROUP_ORDER;
    const S = toScalar(scalar(challenge));
    const vkey = formatVkey(name, publicKey);
    const keyId = Buffer.from(vkey.split('+')[1], 'hex');
    return { note: withLines(`— ${name} ${b64(Uint8Array.of(...keyId, ...R, ...S))}\n`), vkeys: [vkey], strict: true, code: 'SIGNATURE_INVALID' };
  };
  const own = logKey.signer.publicKey;
  const signature = parseBase64(blob).slice(4);
  const secret = toInteger(createHash('sha512').update(new Uint8Array(32).fill(1)).digest().subarray(0, 32).map((byte, i) => (i === 0 ? byte & 248 : i === 31 ? (byte & 63) | 64 : byte)));
  const hex = (digits) => new Uint8Array(Buffer.from(digits, 'hex'));
  const base = hex(`58${'66'.repeat(31)}`);
  const identity = hex(`01${'00'.repeat(31)}`);
  const identityAgain = hex(`ee${'ff'.repeat(30)}7f`);
  return {
    about: 'C2SP signed-note. Verified with `vkeys`; the text that comes out is `text`. `note_bytes` where it is not UTF-8. `strict`: Ed25519 that lenient verifiers take, and ours refuse in every language',
    vkeys: [logKey, otherKey, strangerKey].map(({ name, signer: { publicKey } }) => ({ name, public_key: b64(publicKey), vkey: formatVkey(name, publicKey) })),
    malformed_vkeys: [
      '', 'a', 'a+b', `${vkeys[0]}+`, ` ${vkeys[0]}`, `${vkeys[0]}\n`, vkeys[0].replace('acme', 'acme2'), vkeys[0].replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
      vkeys[0].replace(/\+[0-9a-f]{8}\+/, (id) => id.toUpperCase().replace(/[0-9]/g, 'A')), vkeys[0].slice(0, -1), vkeys[0].replace('+A', '+B'), `+${vkeys[0].split('+').slice(1).join('+')}`,
    ],
    cases: [
      { name: 'one signature', note: good, vkeys, text },
      { name: 'two signatures', note: signNote(text, [logKey, otherKey]), vkeys, text },
      { name: 'the same signature twice', note: withLines(line, line), vkeys, text },
      { name: 'a known signature among sixteen unknown', note: withLines(...unknown.slice(0, 9), line, ...unknown.slice(9)), vkeys, text },
      { name: 'an unknown signature of our name', note: withLines(garbled(ORIGIN, (bytes) => bytes.fill(0, 0, 4)), line), vkeys, text },
      { name: 'an unknown signature with our key id', note: withLines(`— elsewhere.example ${blob}\n`, line), vkeys, text },
      { name: 'text that is an empty line', note: signNote('\n', [logKey]), vkeys, text: '\n' },
      { name: 'text that ends in an empty line', note: signNote('a\n\n', [logKey]), vkeys, text: 'a\n\n' },
      { name: 'text that looks like a signature', note: signNote(line, [logKey]), vkeys, text: line },
      { name: 'only unknown signatures', note: withLines(...unknown), vkeys, code: 'UNKNOWN_KEY' },
      { name: 'our name with another key id', note: withLines(garbled(ORIGIN, (bytes) => bytes.fill(0, 0, 4))), vkeys, code: 'UNKNOWN_KEY' },
      { name: 'our key id with another name', note: withLines(`— elsewhere.example ${blob}\n`), vkeys, code: 'UNKNOWN_KEY' },
      { name: 'no trusted keys', note: good, vkeys: [], code: 'UNKNOWN_KEY' },
      { name: 'a changed text', note: good.replace('First', 'first'), vkeys, code: 'SIGNATURE_INVALID' },
      { name: 'a changed signature', note: withLines(garbled(ORIGIN, (bytes) => (bytes[10] ^= 1))), vkeys, code: 'SIGNATURE_INVALID' },
      { name: 'a signature cut short', note: withLines(`— ${ORIGIN} ${b64(parseBase64(blob).slice(0, 67))}\n`), vkeys, code: 'SIGNATURE_INVALID' },
      { name: 'S beyond the group order', ...strict(own, signature.slice(0, 32), () => toInteger(signature.slice(32)) + GROUP_ORDER) },
      { name: 'a key of order 1, which signs everything', ...strict(identity, base, () => 1n) },
      { name: 'a key of order 1 in its second encoding', ...strict(identityAgain, base, () => 1n) },
      { name: 'an R of order 1', ...strict(own, identity, (challenge) => (challenge * secret) % GROUP_ORDER) },
      { name: 'an R of order 1 in its second encoding', ...strict(own, identityAgain, (challenge) => (challenge * secret) % GROUP_ORDER) },
      { name: 'one good and one bad known signature', note: withLines(line, garbled(ORIGIN, (bytes) => (bytes[67] ^= 1))), vkeys, code: 'SIGNATURE_INVALID' },
      ...Object.entries(malformed).map(([name, note]) => ({ name, note, vkeys, code: 'MALFORMED_NOTE' })),
      { name: 'not UTF-8', note_bytes: b64(notUtf8), vkeys, code: 'MALFORMED_NOTE' },
      { name: 'a byte order mark, which is text like any other', note_bytes: b64(utf8(`\ufeff${good}`)), vkeys, code: 'SIGNATURE_INVALID' },
    ],
  };
}

function checkpoints() {
  const root = b64(rootAt(7));
  const vkeys = [vkeyOf(logKey)];
  const signed = (text) => signNote(text, [logKey]);
  const good = signCheckpoint({ origin: ORIGIN, size: 7n, root: rootAt(7) }, [logKey]);
  const malformed = {
    'two lines': `${ORIGIN}\n7\n`,
    'an empty line among them': `${ORIGIN}\n7\n${root}\n\nextension\n`,
    'an empty origin': `\n7\n${root}\n`,
    'a size with a leading zero': `${ORIGIN}\n07\n${root}\n`,
    'a size with a sign': `${ORIGIN}\n+7\n${root}\n`,
    'a negative size': `${ORIGIN}\n-7\n${root}\n`,
    'a size with a space': `${ORIGIN}\n7 \n${root}\n`,
    'a size in hex': `${ORIGIN}\n0x7\n${root}\n`,
    'a size beyond 63 bits': `${ORIGIN}\n9223372036854775808\n${root}\n`,
    'a size of a thousand digits': `${ORIGIN}\n${'9'.repeat(1000)}\n${root}\n`,
    'a root of 31 bytes': `${ORIGIN}\n7\n${b64(rootAt(7).slice(1))}\n`,
    'a root that is no base64': `${ORIGIN}\n7\n${root.slice(0, -1)}!\n`,
    'a root in a second spelling': `${ORIGIN}\n7\n${'A'.repeat(42)}B=\n`,
    'size 0 with the root of another tree': `${ORIGIN}\n0\n${root}\n`,
  };
  const of = (size) => ({ size: `${size}`, root: b64(rootAt(size)) });
  return {
    about: 'C2SP tlog-checkpoint, as signed notes, verified for the log with this origin and keys',
    cases: [
      { name: 'a checkpoint', note: good, origin: ORIGIN, vkeys, ...of(7) },
      { name: 'the empty tree', note: signCheckpoint({ origin: ORIGIN, size: 0n, root: emptyRoot() }, [logKey]), origin: ORIGIN, vkeys, ...of(0) },
      { name: 'the largest size', note: signed(`${ORIGIN}\n9223372036854775807\n${root}\n`), origin: ORIGIN, vkeys, size: '9223372036854775807', root },
      { name: 'extension lines', note: signCheckpoint({ origin: ORIGIN, size: 7n, root: rootAt(7), extensions: ['one', 'and two'] }, [logKey]), origin: ORIGIN, vkeys, ...of(7), extensions: ['one', 'and two'] },
      { name: 'an origin that is no URL', note: signed(`go.sum database tree\n7\n${root}\n`), origin: 'go.sum database tree', vkeys, ...of(7) },
      { name: 'signatures by others too', note: signCheckpoint({ origin: ORIGIN, size: 7n, root: rootAt(7) }, [strangerKey, logKey, otherKey]), origin: ORIGIN, vkeys, ...of(7) },
      { name: 'another log under the same key', note: signed(`log.example/other\n7\n${root}\n`), origin: ORIGIN, vkeys, code: 'ORIGIN_MISMATCH' },
      { name: 'an origin that only begins alike', note: signed(`${ORIGIN}2\n7\n${root}\n`), origin: ORIGIN, vkeys, code: 'ORIGIN_MISMATCH' },
      { name: 'signed by a stranger', note: signCheckpoint({ origin: ORIGIN, size: 7n, root: rootAt(7) }, [strangerKey]), origin: ORIGIN, vkeys, code: 'UNKNOWN_KEY' },
      { name: 'a changed size', note: good.replace('\n7\n', '\n8\n'), origin: ORIGIN, vkeys, code: 'SIGNATURE_INVALID' },
      ...Object.entries(malformed).map(([name, text]) => ({ name, note: signed(text), origin: ORIGIN, vkeys, code: 'MALFORMED_CHECKPOINT' })),
    ],
  };
}

function proofs() {
  const vkeys = [vkeyOf(logKey)];
  const note = (size, key = logKey) => signCheckpoint({ origin: ORIGIN, size: BigInt(size), root: rootAt(size) }, [key]);
  const of = (index, size, extra) => formatProof({ index: BigInt(index), hashes: proveInclusion(BigInt(index), BigInt(size), readNode), checkpoint: note(size), extra });
  const good = of(3, 7);
  const lines = good.split('\n');
  const without = (at) => lines.toSpliced(at, 1).join('\n');
  const changed = (at, line) => lines.with(at, line).join('\n');
  const asked = { leaf_hash: b64(leaves[3]), origin: ORIGIN, vkeys };
  const proven = (index, size) => ({ leaf_hash: b64(leaves[index]), origin: ORIGIN, vkeys, index: `${index}`, size: `${size}`, root: b64(rootAt(size)) });
  const malformed = {
    'nothing': '',
    'only the first line': 'c2sp.org/tlog-proof@v1\n',
    'no checkpoint': good.slice(0, good.indexOf('\n\n') + 2),
    'another version': changed(0, 'c2sp.org/tlog-proof@v2'),
    'a space after the first line': changed(0, 'c2sp.org/tlog-proof@v1 '),
    'carriage returns': good.replaceAll('\n', '\r\n'),
    'no index': without(1),
    'two indexes': lines.toSpliced(1, 0, 'index 3').join('\n'),
    'an index with a leading zero': changed(1, 'index 03'),
    'an index with a sign': changed(1, 'index +3'),
    'an index with a space too many': changed(1, 'index  3'),
    'an index beyond 63 bits': changed(1, 'index 9223372036854775808'),
    'an index of a million digits': changed(1, `index ${'9'.repeat(1000)}`),
    'an index outside the tree': changed(1, 'index 7'),
    'a hash too few': without(2),
    'a hash too many': lines.toSpliced(2, 0, b64(leaves[0])).join('\n'),
    'a hash of 31 bytes': changed(2, b64(leaves[0].slice(1))),
    'a hash that is no base64': changed(2, `${lines[2].slice(0, -1)}!`),
    'a hash in a second spelling': changed(2, `${'A'.repeat(42)}B=`),
    '64 hashes': lines.toSpliced(2, 3, ...Array.from({ length: 64 }, () => b64(leaves[0]))).join('\n'),
    'extra data after the index': lines.toSpliced(2, 0, 'extra AAAA').join('\n'),
    'extra data twice': lines.toSpliced(1, 0, 'extra AAAA', 'extra AAAA').join('\n'),
    'extra data that is no base64': lines.toSpliced(1, 0, 'extra ?').join('\n'),
  };
  const checkpointOf = (text) => good.slice(0, good.indexOf('\n\n') + 2) + text;
  return {
    about: 'C2SP tlog-proof, verified for a leaf hash and the log with this origin and keys',
    cases: [
      { name: 'the only leaf', text: of(0, 1), ...proven(0, 1) },
      { name: 'leaf 3 of 7', text: good, ...proven(3, 7) },
      { name: 'the last leaf at an odd size', text: of(6, 7), ...proven(6, 7) },
      { name: 'leaf 512 of 600', text: of(512, 600), ...proven(512, 600) },
      { name: 'extra data', text: of(3, 7, utf8('not vouched for')), ...proven(3, 7), extra: b64(utf8('not vouched for')) },
      { name: 'another leaf', text: good, ...asked, leaf_hash: b64(leaves[2]), code: 'ROOT_MISMATCH' },
      { name: 'another index', text: changed(1, 'index 2'), ...asked, code: 'ROOT_MISMATCH' },
      { name: 'a changed hash', text: changed(3, b64(leaves[0])), ...asked, code: 'ROOT_MISMATCH' },
      { name: 'hashes in another order', text: lines.with(2, lines[3]).with(3, lines[2]).join('\n'), ...asked, code: 'ROOT_MISMATCH' },
      { name: 'the checkpoint of another size', text: checkpointOf(note(8)), ...asked, code: 'ROOT_MISMATCH' },
      { name: 'a checkpoint by another key', text: checkpointOf(note(7, otherKey)), ...asked, code: 'UNKNOWN_KEY' },
      { name: 'a checkpoint of another log', text: checkpointOf(signNote(formatCheckpoint({ origin: 'log.example/other', size: 7n, root: rootAt(7) }), [logKey])), ...asked, code: 'ORIGIN_MISMATCH' },
      { name: 'a changed checkpoint', text: good.replace(`\n7\n`, '\n8\n'), ...asked, code: 'SIGNATURE_INVALID' },
      { name: 'a checkpoint that is none', text: checkpointOf(signNote('hello\n', [logKey])), ...asked, code: 'MALFORMED_CHECKPOINT' },
      { name: 'a checkpoint without its last newline', text: good.slice(0, -1), ...asked, code: 'MALFORMED_NOTE' },
      { name: 'an unsigned checkpoint', text: checkpointOf(formatCheckpoint({ origin: ORIGIN, size: 7n, root: rootAt(7) })), ...asked, code: 'MALFORMED_NOTE' },
      ...Object.entries(malformed).map(([name, text]) => ({ name, text, ...asked, code: 'MALFORMED_PROOF' })),
    ],
  };
}

const id = (n) => `urn:span:0193562b-9c00-7000-8000-${n.toString(16).padStart(12, '0')}`;

function receipts() {
  const span = (n) => canonicalText(signObjectSync('span', { schema_version: '1.1.0', this: id(n), intent: 'deploy.stop', subject: 'urn:minicontainer:acme/api', ts: '2026-11-23T14:00:00Z' }, signer(9)));
  const spans = Array.from({ length: 5 }, (_, n) => span(n));
  const { proofs: paths, edge: { size }, root } = appendBatch(emptyTiledEdge(), spans.map((text) => leafHash(utf8(text))));
  const note = signCheckpoint({ origin: ORIGIN, size, root }, [logKey]);
  const merkle = (index) => formatProof({ index: BigInt(index), hashes: paths[index], checkpoint: note });
  const sign = (index, fields = {}, by = logKey.signer) =>
    signObjectSync('receipt', { ts: '2026-11-23T14:00:01.250Z', hash: blake3Hash(utf8(spans[index])), merkle: merkle(index), this: id(index), log: ORIGIN, index, ...fields }, by);
  const vkeys = [vkeyOf(strangerKey), vkeyOf(otherKey), vkeyOf(logKey)];
  const good = sign(2);
  const proven = { size: `${size}`, root: b64(root) };
  const bad = (name, code, receipt, text = spans[2], keys = vkeys) => ({ name, receipt, span: text, vkeys: keys, code });
  const malformed = ['ts', 'hash', 'signature', 'merkle', 'this', 'log', 'index'].flatMap((field) => {
    const { [field]: _, ...rest } = good;
    return [bad(`no ${field}`, 'MALFORMED_RECEIPT', rest), bad(`${field} of another type`, 'MALFORMED_RECEIPT', { ...good, [field]: [good[field]] })];
  });
  return {
    about: 'protocol §10: receipts with their span, verified offline with the keys of logs; the key’s name is the log’s origin',
    cases: [
      ...spans.map((text, index) => ({ name: `entry ${index} of ${size}`, receipt: sign(index), span: text, vkeys, ...proven, index: `${index}` })),
      bad('another span', 'ENTRY_MISMATCH', good, spans[1]),
      bad('the span with a space more', 'ENTRY_MISMATCH', good, `${spans[2]} `),
      bad('a changed hash', 'ENTRY_MISMATCH', { ...good, hash: sign(1).hash }),
      bad('a changed span id', 'ENTRY_MISMATCH', { ...good, this: id(1) }),
      bad('an index that the proof does not have, signed', 'ENTRY_MISMATCH', sign(2, { index: 3 })),
      bad('a span that is no JSON', 'ENTRY_MISMATCH', sign(2, { hash: blake3Hash(utf8('hello')) }), 'hello'),
      bad('an entry that is no span', 'ENTRY_MISMATCH', sign(2, { hash: blake3Hash(utf8('[]')) }), '[]'),
      bad('a changed time', 'SIGNATURE_INVALID', { ...good, ts: '2026-11-23T14:00:02Z' }),
      bad('a changed index', 'SIGNATURE_INVALID', { ...good, index: 3 }),
      bad('one field more', 'SIGNATURE_INVALID', { ...good, note: 'x' }),
      bad('signed by the key of another log', 'SIGNATURE_INVALID', sign(2, {}, strangerKey.signer)),
      bad('a signature that is no base64', 'SIGNATURE_INVALID', { ...good, signature: '?' }),
      bad('no signature', 'SIGNATURE_INVALID', { ...good, signature: '' }),
      bad('a checkpoint by another key of the same name', 'UNKNOWN_KEY', sign(2, {}, otherKey.signer)),
      bad('the key of another log only', 'UNKNOWN_KEY', good, spans[2], [vkeyOf(strangerKey)]),
      bad('no keys', 'UNKNOWN_KEY', good, spans[2], []),
      bad('the log of another tenant', 'UNKNOWN_KEY', sign(2, { log: 'log.example/other' })),
      bad('the proof of another entry', 'ROOT_MISMATCH', { ...good, merkle: merkle(1) }),
      bad('a proof that is none', 'MALFORMED_PROOF', { ...good, merkle: 'proof' }),
      bad('a proof without its checkpoint', 'MALFORMED_PROOF', { ...good, merkle: merkle(2).slice(0, merkle(2).indexOf('\n\n') + 2) }),
      bad('a negative index', 'MALFORMED_RECEIPT', { ...good, index: -1 }),
      bad('an index that is no integer', 'MALFORMED_RECEIPT', { ...good, index: 2.5 }),
      bad('an index beyond 2^53', 'MALFORMED_RECEIPT', { ...good, index: 2 ** 53 }),
      bad('a time that is no instant', 'MALFORMED_RECEIPT', sign(2, { ts: '2026-11-23 14:00:01Z' })),
      bad('a day that no calendar has', 'MALFORMED_RECEIPT', sign(2, { ts: '2026-02-30T14:00:01Z' })),
      bad('null', 'MALFORMED_RECEIPT', null),
      bad('text', 'MALFORMED_RECEIPT', 'receipt'),
      bad('an array', 'MALFORMED_RECEIPT', [good]),
      ...malformed,
    ],
  };
}

/** Two histories of one log that part after four entries, and another log; receipts of them, two by two. */
function growth() {
  const strangerLog = { name: 'log.example/other', signer: signer(4) };
  const history = (key, ids) => {
    const spans = ids.map((n) => canonicalText({ this: id(n), intent: 'deploy.stop' }));
    const at = (size) => growTiles(emptyTiledEdge(), spans.slice(0, size).map((text) => leafHash(utf8(text))));
    const reader = (size) => readerOf(at(size));
    return {
      at,
      proof: (old, size) => hashes(proveConsistency(BigInt(old), BigInt(size), reader(size))),
      receipt: (size, index = size - 1) => {
        const root = rootOf(at(size).edge);
        const checkpoint = signCheckpoint({ origin: key.name, size: BigInt(size), root }, [key]);
        const merkle = formatProof({ index: BigInt(index), hashes: proveInclusion(BigInt(index), BigInt(size), reader(size)), checkpoint });
        const fields = { ts: '2026-11-23T14:00:00Z', hash: blake3Hash(utf8(spans[index])), merkle, this: id(ids[index]), log: key.name, index };
        return { receipt: signObjectSync('receipt', fields, key.signer), span: spans[index], size: `${size}`, root: b64(root) };
      },
    };
  };
  const ours = history(logKey, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  const fork = history(logKey, [0, 1, 2, 3, 104, 105, 106, 107, 108]);
  const other = history(strangerLog, [0, 1, 2, 3, 4, 5, 6]);
  const served = (of, size) => Object.fromEntries([...servedAt(of.at(size))].map(([path, bytes]) => [path, b64(bytes)]));
  const broken = (tiles) => Object.fromEntries(Object.entries(tiles).map(([path, bytes]) => [path, b64(flip(parseBase64(bytes), 3))]));
  const by = (seen, next, how) => ({ seen, next, ...how });
  const good = ours.proof(3, 7);
  return {
    about: 'protocol §10: two receipts of one log, seen one after the other. `order` is how the second stands to the first; `proof` is from the smaller size to the larger, `tiles` are those of the larger, by their paths, which always tell a fork from a proof that shows nothing',
    vkeys: [vkeyOf(logKey), vkeyOf(strangerLog)],
    receipts: {
      ...Object.fromEntries([3, 4, 5, 7, 8, 9].map((size) => [`ours ${size}`, ours.receipt(size)])),
      'ours 7, another entry': ours.receipt(7, 2),
      ...Object.fromEntries([4, 5, 7, 9].map((size) => [`fork ${size}`, fork.receipt(size)])),
      'other 7': other.receipt(7),
    },
    cases: [
      { name: 'growth', ...by('ours 3', 'ours 7', { proof: good }), order: 'newer' },
      { name: 'growth, by tiles', ...by('ours 3', 'ours 7', { tiles: served(ours, 7) }), order: 'newer' },
      { name: 'the smaller one later', ...by('ours 7', 'ours 3', { proof: good }), order: 'older' },
      { name: 'the smaller one later, by tiles', ...by('ours 7', 'ours 3', { tiles: served(ours, 7) }), order: 'older' },
      { name: 'the same receipt twice', ...by('ours 7', 'ours 7', { proof: [] }), order: 'same' },
      { name: 'two entries of one commit', ...by('ours 7', 'ours 7, another entry', { proof: [] }), order: 'same' },
      { name: 'from a power of two', ...by('ours 4', 'ours 7', { proof: ours.proof(4, 7) }), order: 'newer' },
      { name: 'from a power of two, by tiles', ...by('ours 4', 'ours 7', { tiles: served(ours, 7) }), order: 'newer' },
      { name: 'from before the histories part', ...by('ours 4', 'fork 9', { proof: fork.proof(4, 9) }), order: 'newer' },
      { name: 'from before the histories part, by tiles', ...by('fork 4', 'ours 9', { tiles: served(ours, 9) }), order: 'newer' },
      { name: 'two trees of one size', ...by('ours 7', 'fork 7', { proof: [] }), code: 'FORKED' },
      { name: 'two trees of one size, by tiles', ...by('fork 7', 'ours 7', { tiles: served(ours, 7) }), code: 'FORKED' },
      { name: 'another history', ...by('ours 5', 'fork 7', { proof: fork.proof(5, 7) }), code: 'FORKED' },
      { name: 'another history, the smaller one later', ...by('fork 7', 'ours 5', { proof: fork.proof(5, 7) }), code: 'FORKED' },
      { name: 'another history, by tiles', ...by('ours 5', 'fork 7', { tiles: served(fork, 7) }), code: 'FORKED' },
      { name: 'another history from a power of two, which its proof cannot tell', ...by('ours 8', 'fork 9', { proof: fork.proof(8, 9) }), code: 'ROOT_MISMATCH' },
      { name: 'another history from a power of two, by tiles', ...by('ours 8', 'fork 9', { tiles: served(fork, 9) }), code: 'FORKED' },
      { name: 'another history with the proof of the first', ...by('ours 5', 'fork 7', { proof: ours.proof(5, 7) }), code: 'ROOT_MISMATCH' },
      { name: 'another history with the tiles of the first', ...by('ours 5', 'fork 7', { tiles: served(ours, 7) }), code: 'ROOT_MISMATCH' },
      { name: 'growth with a changed proof', ...by('ours 3', 'ours 7', { proof: good.with(0, b64(flip(parseBase64(good[0])))) }), code: 'ROOT_MISMATCH' },
      { name: 'growth with a changed tile', ...by('ours 3', 'ours 7', { tiles: broken(served(ours, 7)) }), code: 'ROOT_MISMATCH' },
      { name: 'growth with a hash too few', ...by('ours 3', 'ours 7', { proof: good.slice(1) }), code: 'MALFORMED_PROOF' },
      { name: 'growth with a hash too many', ...by('ours 3', 'ours 7', { proof: [...good, good[0]] }), code: 'MALFORMED_PROOF' },
      { name: 'growth without a proof', ...by('ours 3', 'ours 7', { proof: [] }), code: 'MALFORMED_PROOF' },
      { name: 'growth without its tile', ...by('ours 3', 'ours 7', { tiles: {} }), code: 'MALFORMED_TILE' },
      { name: 'the log of somebody else', ...by('ours 5', 'other 7', { proof: ours.proof(5, 7) }), code: 'ORIGIN_MISMATCH' },
      { name: 'the log of somebody else at the same size', ...by('ours 7', 'other 7', { proof: [] }), code: 'ORIGIN_MISMATCH' },
    ],
  };
}

const folder = process.argv[2] === undefined ? new URL('tlog/', import.meta.url) : pathToFileURL(`${process.argv[2]}/`);
mkdirSync(folder, { recursive: true });
const files = { tree, sizes, rfc9162, inclusion, consistency, tiles: tilesFile, notes, checkpoints, proofs, receipts, growth };
/** A case of `sizes` is one line: there are hundreds of them. */
const text = ({ cases, ...rest }, isWide) =>
  isWide ? `${JSON.stringify({ ...rest, cases: ['…'] }, null, 2).replace('"…"', () => cases.map((one) => JSON.stringify(one)).join(',\n    '))}\n` : `${JSON.stringify({ ...rest, ...(cases ? { cases } : {}) }, null, 2)}\n`;
for (const [name, build] of Object.entries(files)) writeFileSync(new URL(`${name}.json`, folder), text(build(), name === 'sizes'));
