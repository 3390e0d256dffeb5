import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBase64 } from '@logline/canon-sign';
import { buildTlogCheck, type GoVerdict, type TlogCheck } from '@logline/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { signCheckpoint } from '../src/checkpoint.ts';
import { cosign, cosignaturesOf, formatCosignerKey, parseCosignerKey } from '../src/cosignature.ts';
import { formatNote, formatVkey, parseNote } from '../src/note.ts';
import { testSigner } from './whole-tree.ts';

const log = { name: 'log.example/acme', signer: testSigner(1) };
const vkey = formatVkey(log.name, log.signer.publicKey);
const witnesses = [2, 3].map((nth) => ({ name: `witness.example/${nth}`, signer: testSigner(nth) }));
const keys = witnesses.map(({ name, signer }) => formatCosignerKey(name, signer.publicKey));
const checkpoint = signCheckpoint({ origin: log.name, size: 7n, root: new Uint8Array(32).fill(9) }, [log]);

let check: TlogCheck | string;
let dir: string;
beforeAll(async () => {
  check = await buildTlogCheck();
});
beforeEach(({ skip }) => {
  if (typeof check === 'string') skip(check);
  dir = mkdtempSync(join(tmpdir(), 'logline-cosigned-'));
  return () => rmSync(dir, { recursive: true, force: true });
});
afterAll(async () => {
  if (typeof check !== 'string') await check.remove();
});

/** The checkpoint as the witnesses leave it. */
function cosignedBy(count: number, seconds: bigint): string {
  const { text, signatures } = parseNote(checkpoint);
  const more = witnesses.slice(0, count).map((one) => cosign(text, one, seconds));
  return formatNote({ text, signatures: [...signatures, ...more] });
}

async function ask(command: string, note: string, ...args: readonly string[]): Promise<GoVerdict> {
  if (typeof check === 'string') throw new Error(check);
  const file = join(dir, 'checkpoint');
  writeFileSync(file, note);
  return check.run(command, '-vkey', vkey, ...args, file);
}
const required = (count: number): string[] => keys.slice(0, count).flatMap((key) => ['-witness', key]);

describe('Go verifies cosignatures that we made', () => {
  test.each([0, 1, 2])('of %d witnesses', async (count) => {
    const seconds = 1_800_000_000n;
    const found = witnesses.slice(0, count).map(({ name }) => ({ name, seconds: Number(seconds) }));
    expect(await ask('cosigned', cosignedBy(count, seconds), ...required(count))).toEqual({
      found: count === 0 ? null : found,
    });
  });

  test('and misses the one that is not there', async () => {
    expect(await ask('cosigned', cosignedBy(1, 5n), ...required(2))).toEqual({
      refused: expect.stringContaining('1 of 2 witnesses'),
    });
  });

  test('and none that was changed', async () => {
    const good = cosignedBy(1, 1_800_000_000n);
    const line = good.lastIndexOf(' ') + 1;
    for (let at = line; at < good.length - 1; at++) {
      const other = good[at] === 'A' ? 'B' : 'A';
      const verdict = await ask('cosigned', good.slice(0, at) + other + good.slice(at + 1), ...required(1));
      expect(verdict, `character ${at - line}`).toHaveProperty('refused');
    }
  });
});

test('we verify a cosignature that Go made', async () => {
  const [witness] = witnesses;
  if (witness === undefined) throw new Error('no witness');
  const key = Buffer.from([4, ...new Uint8Array(32).fill(2)]);
  // the id in a private key is not looked at by those who sign
  const skey = `PRIVATE+KEY+${witness.name}+00000000+${formatBase64(key)}`;
  const verdict = await ask('cosign', checkpoint, '-skey', skey);
  const { note } = ('found' in verdict ? verdict.found : {}) as { note?: string };
  const cosigner = parseCosignerKey(formatCosignerKey(witness.name, witness.signer.publicKey));
  const before = BigInt(Math.floor(Date.now() / 1000)) - 60n;
  const [found] = cosignaturesOf(note ?? '', [cosigner]);
  expect(found?.cosigner).toEqual(cosigner);
  expect(found?.seconds).toBeGreaterThan(before);
  expect(found?.seconds).toBeLessThan(before + 120n);
});
