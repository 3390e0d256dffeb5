import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { utf8 } from '@logline/canon-sign';
import { buildTlogCheck, type GoVerdict, type TlogCheck } from '@logline/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { signCheckpoint } from '../src/checkpoint.ts';
import { leafHash } from '../src/leaf.ts';
import { formatVkey } from '../src/note.ts';
import { appendLeaves, emptyEdge, rootOf } from '../src/tree.ts';
import { type StaticLog, writeStaticLog } from './static-log.ts';
import { testSigner } from './whole-tree.ts';

const key = { name: 'log.example/acme', signer: testSigner(1) };
const vkey = formatVkey(key.name, key.signer.publicKey);

/** Entries of all lengths that a bundle can hold. */
function entriesOf(count: number, text = 'entry'): Uint8Array[] {
  const odd = new Map([
    [3, new Uint8Array(0)],
    [4, new Uint8Array(65_535).fill(7)],
  ]);
  return Array.from({ length: count }, (_, at) => odd.get(at) ?? utf8(`${text} ${at}`));
}

/** Commits that end before, at and after every edge below `size`. */
function commitsOf(size: number): number[] {
  const edges = [1, 2, 3, 100, 255, 256, 257, 511, 512, 513, 65_279, 65_280, 65_281, 65_535, 65_536, 65_537];
  return [...edges.filter((edge) => edge < size), size];
}

let check: TlogCheck | string;
let dir: string;
beforeAll(async () => {
  check = await buildTlogCheck();
});
beforeEach(({ skip }) => {
  if (typeof check === 'string') skip(check);
  dir = mkdtempSync(join(tmpdir(), 'logline-static-log-'));
  return () => {
    rmSync(dir, { recursive: true, force: true });
  };
});
afterAll(async () => {
  if (typeof check !== 'string') await check.remove();
});

async function verdictOn(log: StaticLog): Promise<GoVerdict> {
  if (typeof check === 'string') throw new Error(check);
  const old = log.old.flatMap((file) => ['-old', file]);
  return check.run('log', '-vkey', vkey, ...old, '-proofs', log.proofs, log.folder);
}

describe('Go verifies a log that we wrote as files', () => {
  test.each([1, 2, 255, 256, 257, 511, 512, 513, 700, 65_536 + 256 + 77])('of %d entries', async (size) => {
    const commits = commitsOf(size);
    const log = writeStaticLog(dir, entriesOf(size), commits, key);
    let tiles = 0;
    for (let hashes = size; hashes > 0; hashes = Math.floor(hashes / 256)) tiles += Math.ceil(hashes / 256);
    const samples = size <= 1000 ? size : expect.any(Number);
    const receipts = new Set(
      commits.flatMap((end, at) => [`${commits[at - 1] ?? 0} ${end}`, `${end - 1} ${end}`]),
    );
    expect(await verdictOn(log)).toEqual({
      found: {
        size,
        entries: size,
        tiles,
        inclusion: samples,
        consistency: expect.any(Number),
        receipts: receipts.size,
      },
    });
  });

  test('of none', async () => {
    const log = writeStaticLog(dir, [], [], key);
    expect(await verdictOn(log)).toMatchObject({ found: { size: 0, entries: 0, tiles: 0 } });
  });
});

describe('Go refuses a log of ours', () => {
  const SIZE = 700;
  let log: StaticLog;
  beforeEach(() => {
    log = writeStaticLog(dir, entriesOf(SIZE), commitsOf(SIZE), key);
  });

  /** Writes a file of the log anew. */
  function change(path: string, how: (before: Buffer) => Uint8Array | string): void {
    const file = join(path.startsWith('/') ? '' : log.folder, path);
    writeFileSync(file, how(readFileSync(file)));
  }
  const flip = (before: Buffer): Uint8Array => {
    const after = Uint8Array.from(before);
    const at = Math.floor(after.length / 2);
    after[at] = (after[at] ?? 0) ^ 1;
    return after;
  };
  const rootAt = (size: number, text?: string): Uint8Array =>
    rootOf(appendLeaves(emptyEdge(), entriesOf(size, text).map(leafHash)));
  const signed = (size: number, root: Uint8Array, signer = key.signer): string =>
    signCheckpoint({ origin: key.name, size: BigInt(size), root }, [{ ...key, signer }]);
  const text = (before: Buffer): string => before.toString();

  const proofOf700 = (): string => join(log.proofs, '699-of-700.tlog-proof');
  test.each<[string, () => void, RegExp]>([
    [
      'with a flipped bit in a full tile',
      () => change('tile/0/001', flip),
      /^tile tile\/0\/001: not the hashes/,
    ],
    [
      'with a flipped bit in a partial tile',
      () => change('tile/0/002.p/188', flip),
      /^tile tile\/0\/002\.p\/188: not/,
    ],
    [
      'with a flipped bit above',
      () => change('tile/1/000.p/2', flip),
      /^tile tile\/1\/000\.p\/2: not the hashes/,
    ],
    [
      'with a hash too many in a partial tile',
      () => change('tile/0/002.p/188', (before) => Buffer.concat([before, before.subarray(0, 32)])),
      /^tile tile\/0\/002\.p\/188: not the hashes/,
    ],
    [
      'without one of its tiles',
      () => rmSync(join(log.folder, 'tile/1/000.p/2')),
      /^tile tile\/1\/000\.p\/2: .*no such/,
    ],
    [
      'with a changed entry',
      () => change('tile/entries/001', (before) => Buffer.concat([before.subarray(0, -1), Buffer.from('x')])),
      /^tile tile\/0\/001: not the hashes/,
    ],
    [
      'with a bundle cut short',
      () => change('tile/entries/001', (before) => before.subarray(0, -1)),
      /^bundle tile\/entries\/001: .*cut short/,
    ],
    [
      'with an entry too many',
      () => change('tile/entries/002.p/188', (before) => Buffer.concat([before, Buffer.of(0, 0)])),
      /^bundle tile\/entries\/002\.p\/188: 189 entries/,
    ],
    [
      'without one of its bundles',
      () => rmSync(join(log.folder, 'tile/entries/000')),
      /^bundle tile\/entries\/000: /,
    ],
    [
      'with another size in its checkpoint',
      () => change('checkpoint', (b) => text(b).replace('700', '699')),
      /^checkpoint: /,
    ],
    [
      'whose checkpoint another key signed',
      () => change('checkpoint', () => signed(SIZE, rootAt(SIZE), testSigner(2))),
      /^checkpoint: /,
    ],
    [
      'whose checkpoint is of another tree',
      () => change('checkpoint', () => signed(SIZE, rootAt(SIZE, 'other'))),
      /^root: /,
    ],
    [
      'whose checkpoint is of a size that it does not serve',
      () => change('checkpoint', () => signed(SIZE + 1, rootAt(SIZE + 1))),
      /^bundle tile\/entries\/002\.p\/189: /,
    ],
    [
      'that showed another tree before',
      () => change(log.old[3] ?? '', () => signed(100, rootAt(100, 'other'))),
      /^old checkpoint checkpoint-100: /,
    ],
    [
      'that was larger before',
      () => change(log.old[3] ?? '', () => signed(SIZE + 1, rootAt(SIZE + 1))),
      /^old checkpoint checkpoint-100: .*newer than/,
    ],
    [
      'with a receipt whose proof was changed',
      () => change(proofOf700(), (b) => text(b).replace(/(index .*\n).*\n/, '$1')),
      /^receipt 699-of-700/,
    ],
    [
      'with a receipt of another place',
      () => change(proofOf700(), (b) => text(b).replace('index 699', 'index 698')),
      /^receipt 699-of-700/,
    ],
    [
      'with a receipt of another history',
      () =>
        change(proofOf700(), (b) =>
          text(b).replace(/\n\n[^]*$/, () => `\n\n${signed(SIZE, rootAt(SIZE, 'other'))}`),
        ),
      /^receipt 699-of-700/,
    ],
  ])('%s', async (_name, corrupt, reason) => {
    corrupt();
    expect(await verdictOn(log)).toEqual({ refused: expect.stringMatching(reason) });
  });
});

test('Go comes to our verdicts on our vectors, but where it is known to differ', async () => {
  if (typeof check === 'string') throw new Error(check);
  const vectors = fileURLToPath(new URL('../../../spec/vectors/tlog', import.meta.url));
  const verdict = await check.run('vectors', vectors);
  expect(verdict).toMatchObject({ found: { agreed: { sizes: 1555, rfc9162: 7 } } });
  if (!('found' in verdict)) return;
  const { agreed, different } = verdict.found;
  console.log(
    `Go on spec/vectors/tlog: ${JSON.stringify(agreed)}; different by design: ${JSON.stringify(different)}`,
  );
});
