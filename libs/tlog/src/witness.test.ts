import { parseBase64, parseHex, signerFromSeed } from '@logline/canon-sign';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf, readVectors, testSigner, wholeTree } from '../test/whole-tree.ts';
import { signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { proveConsistency } from './consistency.ts';
import { cosignaturesOf, parseCosignerKey, toCosignerKey } from './cosignature.ts';
import { TlogError } from './errors.ts';
import { parseNote, parseSignatureLines, parseVkey, toVkey } from './note.ts';
import {
  decideAddCheckpoint,
  formatAddCheckpoint,
  parseAddCheckpoint,
  type WitnessKnowledge,
  type WitnessVerdict,
} from './witness.ts';

/** Parse and decide, as the server does; garbage is 400. */
function answer(body: string, knowledge: WitnessKnowledge): WitnessVerdict {
  try {
    return decideAddCheckpoint(parseAddCheckpoint(body), knowledge);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return { status: 400, why: error.message };
  }
}

describe('the vectors', () => {
  const vectors = readVectors<{
    log_vkey: string;
    witness: { key_name: string; seed: string; vkey: string };
    seconds: string;
    cases: {
      name: string;
      latest: { size: string; root: string } | null;
      body: string;
      status: number;
      answer?: string;
      state?: string;
      is_fork?: boolean;
    }[];
  }>('witness.json');
  const log = parseVkey(vectors.log_vkey);
  const { key_name: name, seed, vkey } = vectors.witness;

  test.each(vectors.cases)('$status: $name', ({ latest, body, status, answer: wanted, state, is_fork }) => {
    const origin = /\n\n([^\n]+)\n/.exec(body)?.[1];
    const verdict = answer(body, {
      vkeys: origin === log.name ? [log] : undefined,
      latest: latest === null ? undefined : { size: BigInt(latest.size), root: parseBase64(latest.root) },
      witness: { name, signer: signerFromSeed('kid', parseHex(seed)) },
      seconds: BigInt(vectors.seconds),
    });
    expect(verdict.status).toBe(status);
    if (verdict.status === 409) expect(`${verdict.latestSize}\n`).toBe(wanted);
    else if (verdict.status !== 200) expect('isFork' in verdict).toBe(is_fork ?? false);
    else {
      expect(verdict.cosignature).toBe(wanted);
      expect(verdict.note).toBe(state);
      expect(verifyCheckpoint(verdict.note, { origin: log.name, vkeys: [log] })).toEqual(verdict.checkpoint);
      expect(cosignaturesOf(verdict.note, [parseCosignerKey(vkey)])).toHaveLength(1);
      expect(parseSignatureLines(verdict.cosignature)).toHaveLength(1);
    }
  });
});

const ORIGIN = 'log.example/acme';
const logKey = { name: ORIGIN, signer: testSigner(1) };
const witness = { name: 'witness.example/w1', signer: testSigner(4) };
const vkeys = [toVkey(ORIGIN, logKey.signer.publicKey)];
const LEAVES = 80;
const honest = wholeTree(LEAVES);
const noteOf = (size: number, root = honest.rootAt(size)) =>
  signCheckpoint({ origin: ORIGIN, size: BigInt(size), root }, [logKey]);

test('a request survives being formatted and parsed', () => {
  fc.assert(
    fc.property(fc.nat(LEAVES), fc.nat(LEAVES), (one, other) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)];
      const request = {
        oldSize: BigInt(from),
        proof: proveConsistency(BigInt(from), BigInt(to), honest.readNode),
        checkpoint: noteOf(to),
      };
      expect(parseAddCheckpoint(formatAddCheckpoint(request))).toEqual({ ...request, origin: ORIGIN });
    }),
  );
});

test('refuses every request that is cut short or changed by a byte', () => {
  const good = formatAddCheckpoint({
    oldSize: 3n,
    proof: proveConsistency(3n, 7n, honest.readNode),
    checkpoint: noteOf(7),
  });
  const latest = { size: 3n, root: honest.rootAt(3) };
  const knowledge = { vkeys, latest, witness, seconds: 1n };
  expect(answer(good, knowledge).status).toBe(200);
  for (let length = 0; length < good.length; length++)
    expect(answer(good.slice(0, length), knowledge).status).not.toBe(200);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
      if (good[at] === character) return;
      const changed = good.slice(0, at) + character + good.slice(at + 1);
      expect([changed, answer(changed, knowledge).status]).not.toEqual([changed, 200]);
    }),
    { numRuns: 2_000 },
  );
});

test('whatever is sent is answered, with a status of the spec', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '',
      'old 0',
      'old 3',
      `— ${ORIGIN} AAAAAAA=`,
      ORIGIN,
      '7',
      '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    ),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const { status } = answer(`${lines.join('\n')}\n`, { vkeys, latest: undefined, witness, seconds: 1n });
      expect([400, 403, 404, 409, 422]).toContain(status);
    }),
  );
  expect(codeOf(() => parseAddCheckpoint(`old 3\n${'x'.repeat(900_000)}\n\n${noteOf(7)}`))).toBe(
    'MALFORMED_REQUEST',
  );
  expect(codeOf(() => parseAddCheckpoint(`old 3\n${'x\n'.repeat(400_000)}\n${noteOf(7)}`))).toBe(
    'MALFORMED_REQUEST',
  );
});

test('whatever is asked in whatever order, all that was ever cosigned is one history', () => {
  const fork = wholeTreeWithout(2);
  const request = fc.record({
    old: fc.nat(LEAVES),
    to: fc.nat(LEAVES),
    isFork: fc.boolean(),
    knowsLatest: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 30 }), (requests) => {
      let latest: { size: bigint; root: Uint8Array } | undefined;
      let isForked: boolean | undefined;
      for (const { old, to, isFork, knowsLatest } of requests) {
        const tree = isFork ? fork : honest;
        const from = knowsLatest ? Number(latest?.size ?? 0n) : old;
        const proof = from <= to ? proveConsistency(BigInt(from), BigInt(to), tree.readNode) : [];
        const body = formatAddCheckpoint({
          oldSize: BigInt(from),
          proof,
          checkpoint: noteOf(to, tree.rootAt(to)),
        });
        const verdict = answer(body, { vkeys, latest, witness, seconds: 1n });
        if (verdict.status !== 200) continue;
        expect(verdict.checkpoint.size).toBeGreaterThanOrEqual(latest?.size ?? 0n);
        // the first three leaves tell the histories apart
        if (to > 2) expect((isForked ??= isFork)).toBe(isFork);
        latest = verdict.checkpoint;
      }
    }),
  );
});

test('cosigns for a log that has two keys, whichever of them signed', () => {
  const next = { name: ORIGIN, signer: testSigner(9) };
  const both = [...vkeys, toVkey(ORIGIN, next.signer.publicKey)];
  const checkpoint = { origin: ORIGIN, size: 3n, root: honest.rootAt(3) };
  for (const keys of [[logKey], [next], [logKey, next]]) {
    const body = formatAddCheckpoint({
      oldSize: 0n,
      proof: [],
      checkpoint: signCheckpoint(checkpoint, keys),
    });
    const verdict = answer(body, { vkeys: both, latest: undefined, witness, seconds: 1n });
    expect(verdict.status).toBe(200);
    if (verdict.status === 200) expect(parseNote(verdict.note).signatures).toHaveLength(keys.length + 1);
  }
});

test('cosigns extension lines with the rest', () => {
  const checkpoint = { origin: ORIGIN, size: 3n, root: honest.rootAt(3), extensions: ['extended'] };
  const body = formatAddCheckpoint({
    oldSize: 0n,
    proof: [],
    checkpoint: signCheckpoint(checkpoint, [logKey]),
  });
  const verdict = answer(body, { vkeys, latest: undefined, witness, seconds: 1n });
  expect(verdict.status).toBe(200);
  if (verdict.status !== 200) return;
  const cosigner = toCosignerKey(witness.name, witness.signer.publicKey);
  expect(cosignaturesOf(verdict.note, [cosigner])).toHaveLength(1);
  expect(codeOf(() => cosignaturesOf(verdict.note.replace('extended', 'extendeD'), [cosigner]))).toBe(
    'SIGNATURE_INVALID',
  );
});

/** The same log with another entry in one place. */
function wholeTreeWithout(place: number): ReturnType<typeof wholeTree> {
  return wholeTree(LEAVES, (at) => (at === place ? 'x' : String(at)));
}
