// Writes spec/vectors/tlog/cosignatures.json and witness.json, as generate-tlog.mjs does its files: what must come out is
// written down here, only hashes and signatures are computed. Writing again changes nothing.
//   npm run build && node spec/vectors/generate-witness.mjs
import { writeFileSync } from 'node:fs';
import { formatBase64, signerFromSeed, utf8 } from '@logline/canon-sign';
import {
  cosign,
  emptyRoot,
  formatAddCheckpoint,
  formatCosignerKey,
  formatNote,
  formatSignature,
  formatVkey,
  growTiles,
  emptyTiledEdge,
  leafHash,
  parseNote,
  proveConsistency,
  rootOf,
  appendLeaves,
  emptyEdge,
  signCheckpoint,
  signNote,
  tileReader,
} from '@logline/tlog';

const ORIGIN = 'log.example/acme';
const SECONDS = 1_790_000_000n;
const signer = (which) => signerFromSeed(`kid_${which}`, new Uint8Array(32).fill(which));
const logKey = { name: ORIGIN, signer: signer(1) };
const otherKey = { name: ORIGIN, signer: signer(2) };
const strangerKey = { name: 'stranger.example', signer: signer(3) };
const witness = { name: 'witness.example/w1', signer: signer(4) };
const secondWitness = { name: 'witness.example/w2', signer: signer(5) };
const vkeyOf = ({ name, signer: { publicKey } }) => formatVkey(name, publicKey);
const cosignerOf = ({ name, signer: { publicKey } }) => formatCosignerKey(name, publicKey);
const b64 = formatBase64;

// the log that all cases are about: its entries are "0", "1", "2", …; its fork has another entry 2
const leavesOf = (fork) => Array.from({ length: 300 }, (_, i) => leafHash(utf8(i === 2 && fork ? 'x' : String(i))));
const treeOf = (leaves) => {
  const { edge, tiles } = growTiles(emptyTiledEdge(), leaves);
  const readNode = tileReader(300n, ({ level, index }) => tiles.find((t) => t.level === level && t.index === index)?.bytes ?? edge.tiles[level]);
  return {
    root: (size) => (size === 0 ? emptyRoot() : rootOf(appendLeaves(emptyEdge(), leaves.slice(0, size)))),
    proof: (from, to) => proveConsistency(BigInt(from), BigInt(to), readNode),
  };
};
const log = treeOf(leavesOf(false));
const fork = treeOf(leavesOf(true));
const checkpointOf = (tree, size, keys = [logKey]) => signCheckpoint({ origin: ORIGIN, size: BigInt(size), root: tree.root(size) }, keys);

function cosignatures() {
  const note = checkpointOf(log, 7);
  const { text, signatures } = parseNote(note);
  const lineOf = (key, seconds = SECONDS, of = text) => cosign(of, key, seconds);
  const good = lineOf(witness);
  const flipped = { ...good, signature: good.signature.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) };
  const later = { ...good, signature: good.signature.map((byte, at) => (at === 7 ? byte ^ 1 : byte)) };
  // 2,420 bytes after a key id of its own, as an ML-DSA-44 cosigner's line has
  const mlDsa = { name: witness.name, keyId: '0badcafe', signature: new Uint8Array(8 + 2420).fill(7) };
  const noteOf = (...lines) => formatNote({ text, signatures: [...signatures, ...lines] });
  const of = (name, lines, more = {}) => ({ name, note: noteOf(...lines), cosigners: [cosignerOf(witness)], ...more });
  const extended = signNote(`${text}extension line\n`, [logKey]);
  const extendedLine = cosign(parseNote(extended).text, witness, SECONDS);
  return {
    about: 'C2SP tlog-cosignature, type 4: who of `cosigners` cosigned the note, and when (POSIX seconds); a case with a code is refused with it',
    keys: [
      { name: 'w1', seed: '04'.repeat(32), key_name: witness.name, vkey: cosignerOf(witness) },
      { name: 'published: transparency-dev/formats', vkey: 'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2' },
      { name: 'a key of a log', vkey: vkeyOf(logKey), code: 'MALFORMED_KEY' },
      { name: 'another key id', vkey: cosignerOf(witness).replace(/\+[0-9a-f]{8}\+/, '+00000000+'), code: 'MALFORMED_KEY' },
      { name: 'another name', vkey: cosignerOf(witness).replace('w1', 'w2'), code: 'MALFORMED_KEY' },
      { name: 'a byte too many', vkey: `${witness.name}+00000000+${b64(new Uint8Array(34).fill(4))}`, code: 'MALFORMED_KEY' },
      { name: 'no key', vkey: '', code: 'MALFORMED_KEY' },
    ],
    cases: [
      of('one cosignature', [good], { by: [{ vkey: cosignerOf(witness), seconds: `${SECONDS}` }] }),
      of('two cosigners', [good, lineOf(secondWitness, 1n)], {
        cosigners: [cosignerOf(secondWitness), cosignerOf(witness)],
        by: [
          { vkey: cosignerOf(witness), seconds: `${SECONDS}` },
          { vkey: cosignerOf(secondWitness), seconds: '1' },
        ],
      }),
      of('the latest time there is', [lineOf(witness, 2n ** 63n - 1n)], { by: [{ vkey: cosignerOf(witness), seconds: `${2n ** 63n - 1n}` }] }),
      { name: 'a checkpoint with an extension line', note: formatNote({ text: parseNote(extended).text, signatures: [...parseNote(extended).signatures, extendedLine] }), cosigners: [cosignerOf(witness)], by: [{ vkey: cosignerOf(witness), seconds: `${SECONDS}` }] },
      of('none', [], { by: [] }),
      of('only others', [lineOf(secondWitness), mlDsa], { by: [] }),
      of('a plain signature by the same key', parseNote(signNote(text, [witness])).signatures, { by: [] }),
      of('one flipped bit', [flipped], { code: 'SIGNATURE_INVALID' }),
      of('another time than was signed', [later], { code: 'SIGNATURE_INVALID' }),
      of('a cosignature of another text', [lineOf(witness, SECONDS, 'other\n')], { code: 'SIGNATURE_INVALID' }),
      of('a cosignature with another cosigner’s key', [{ ...lineOf(secondWitness), name: witness.name, keyId: good.keyId }], { code: 'SIGNATURE_INVALID' }),
      of('one good, one forged', [good, flipped], { code: 'SIGNATURE_INVALID' }),
      of('cut short', [{ ...good, signature: good.signature.slice(0, 71) }], { code: 'SIGNATURE_INVALID' }),
      of('a byte too many', [{ ...good, signature: Uint8Array.of(...good.signature, 0) }], { code: 'SIGNATURE_INVALID' }),
      { name: 'no note', note: text, cosigners: [cosignerOf(witness)], code: 'MALFORMED_NOTE' },
    ],
  };
}

function witnessFile() {
  const body = (old, from, to, { tree = log, keys, proof, checkpoint } = {}) =>
    formatAddCheckpoint({ oldSize: BigInt(old), proof: proof ?? tree.proof(from, to), checkpoint: checkpoint ?? checkpointOf(tree, to, keys) });
  const at = (size, tree = log) => ({ size: `${size}`, root: b64(tree.root(size)) });
  const ok = (name, latest, request, to) => {
    const text = `${ORIGIN}\n${to}\n${b64(log.root(to))}\n`;
    const line = formatSignature(cosign(text, witness, SECONDS));
    const [own] = parseNote(checkpointOf(log, to)).signatures;
    return { name, latest, body: request, status: 200, answer: line, state: `${text}\n${formatSignature(own)}${line}` };
  };
  const bad = (name, status, latest, request, more = {}) => ({ name, latest, body: request, status, ...more });
  const conflict = (name, latest, request) => bad(name, 409, latest, request, { answer: `${latest?.size ?? 0}\n` });
  const checkpoint7 = checkpointOf(log, 7);
  const forged = formatNote({
    text: parseNote(checkpoint7).text,
    signatures: [...parseNote(checkpoint7).signatures, { ...cosign('another text\n', witness, SECONDS) }],
  });
  const grease = formatNote({
    text: parseNote(checkpoint7).text,
    signatures: [{ name: 'grease.example', keyId: '00c0ffee', signature: new Uint8Array(90).fill(1) }, ...parseNote(checkpoint7).signatures],
  });
  const wrongEmpty = signNote(`${ORIGIN}\n0\n${b64(log.root(1))}\n`, [logKey]);
  const ofStranger = signCheckpoint({ origin: 'other.example', size: 7n, root: log.root(7) }, [logKey]);
  const long = Array.from({ length: 64 }, () => log.root(1));
  return {
    about: 'C2SP tlog-witness, add-checkpoint: what a witness with this `latest` answers, and what it stores then (`state`). It knows one log, by `log_vkey`',
    log_vkey: vkeyOf(logKey),
    witness: { key_name: witness.name, seed: '04'.repeat(32), vkey: cosignerOf(witness) },
    seconds: `${SECONDS}`,
    cases: [
      ok('the first checkpoint', null, body(0, 0, 7), 7),
      ok('growth', at(3), body(3, 3, 7), 7),
      ok('growth over a tile', at(255), body(255, 255, 300), 300),
      ok('the same again', at(7), body(7, 7, 7), 7),
      ok('the empty tree', null, body(0, 0, 0), 0),
      ok('growth from size zero', at(0), body(0, 0, 7), 7),
      ok('a forged line by the witness is neither believed nor kept', at(3), body(3, 3, 7, { checkpoint: forged }), 7),
      ok('lines by unknown keys are not kept', at(3), body(3, 3, 7, { checkpoint: grease }), 7),
      conflict('the client does not know the size', at(7), body(0, 0, 7)),
      conflict('the client is ahead', at(3), body(5, 5, 7)),
      conflict('never cosigned, and the client believes otherwise', null, body(3, 3, 7)),
      conflict('the checkpoint is older than ours', at(8), body(3, 3, 7)),
      bad('an old size beyond the checkpoint', 400, at(8), body(8, 7, 7)),
      bad('another log', 404, at(3), body(3, 3, 7, { checkpoint: ofStranger })),
      bad('another key of the same name', 403, at(3), body(3, 3, 7, { keys: [otherKey] })),
      bad('a stranger’s signature', 403, at(3), body(3, 3, 7, { keys: [strangerKey] })),
      bad('a known key’s signature over another text', 403, at(3), body(3, 3, 7, { checkpoint: checkpoint7.replace(`\n7\n`, '\n8\n') })),
      bad('a proof where there is nothing to prove from', 422, null, body(0, 0, 7, { proof: log.proof(3, 7) })),
      bad('a proof of size zero', 422, null, body(0, 0, 0, { proof: [log.root(1)] })),
      bad('no proof', 422, at(3), body(3, 3, 7, { proof: [] })),
      bad('the proof of other sizes', 422, at(3), body(3, 4, 7)),
      bad('a proof for the same size', 422, at(7), body(7, 3, 7)),
      bad('a fork that grew', 422, at(3), body(3, 3, 7, { tree: fork })),
      bad('a fork of the same size', 422, at(7), body(7, 7, 7, { tree: fork }), { is_fork: true }),
      bad('an empty tree with another root', 422, null, body(0, 0, 0, { checkpoint: wrongEmpty })),
      bad('signed, and no checkpoint', 400, null, body(0, 0, 7, { checkpoint: signNote(`${ORIGIN}\nhello\n`, [logKey]) })),
      bad('nothing', 400, null, ''),
      bad('no old line', 400, at(3), body(3, 3, 7).replace('old 3\n', '')),
      bad('a leading zero', 400, at(3), body(3, 3, 7).replace('old 3', 'old 03')),
      bad('a sign', 400, at(3), body(3, 3, 7).replace('old 3', 'old +3')),
      bad('two spaces', 400, at(3), body(3, 3, 7).replace('old 3', 'old  3')),
      bad('carriage returns', 400, at(3), body(3, 3, 7).replaceAll('\n', '\r\n')),
      bad('a size beyond 63 bits', 400, at(3), body(3, 3, 7).replace('old 3', `old ${2n ** 63n}`)),
      bad('a hash that is short', 400, at(3), body(3, 3, 7, { proof: [log.root(1).slice(1), ...log.proof(3, 7).slice(1)] })),
      bad('a hash that is no base64', 400, at(3), body(3, 3, 7).replace(b64(log.proof(3, 7)[0]), '*'.repeat(44))),
      bad('64 hashes', 400, at(3), body(3, 3, 7, { proof: long })),
      bad('no checkpoint', 400, at(3), 'old 3\n\n'),
      bad('a checkpoint without a signature', 400, at(3), body(3, 3, 7, { checkpoint: parseNote(checkpoint7).text })),
    ],
  };
}

const folder = new URL('tlog/', import.meta.url);
for (const [name, build] of Object.entries({ cosignatures, witness: witnessFile }))
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(build(), null, 2)}\n`);
