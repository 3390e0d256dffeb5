import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatVkey } from '@logline/tlog';
import {
  buildTlogCheck,
  signedSpan,
  SUBJECT,
  testKey,
  type GoVerdict,
  type SignedSpan,
  type TlogCheck,
} from '@logline/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startGatewayWorld, TOKEN, type GatewayWorld } from './gateway-world.ts';

/** What the gateway serves over HTTP, held against the verifiers that other people wrote in Go. */

let check: TlogCheck | string;
let world: GatewayWorld;
let dir: string;
/** Checkpoints that the log gave while it grew. */
const old: string[] = [];
beforeAll(async () => {
  check = await buildTlogCheck();
  if (typeof check === 'string') return;
  dir = mkdtempSync(join(tmpdir(), 'logline-go-interop-'));
  world = await startGatewayWorld();
  // commits of 1 to 23 spans, past two full tiles
  for (let nth = 0; world.log.size < 600; nth += 1) {
    const file = join(dir, `checkpoint-${world.log.size}`);
    writeFileSync(file, world.log.checkpoint);
    old.push('-old', file);
    await world.log.append(...Array.from({ length: 1 + (nth % 23) }, (_, i) => numbered(nth * 100 + i)));
  }
  await world.untilProjected();
});
beforeEach(({ skip }) => {
  if (typeof check === 'string') skip(check);
});
afterAll(async () => {
  if (typeof check === 'string') return;
  await Promise.all([check.remove(), world.close()]);
  rmSync(dir, { recursive: true, force: true });
});

function numbered(nth: number): SignedSpan {
  return signedSpan({ nth, intent: 'deploy.stop', subject: SUBJECT, payload: { nth } });
}

type Asked = { readonly token?: string; readonly tenant?: string; readonly vkey?: string };

async function verdict(
  { token = TOKEN, tenant = 'acme', vkey }: Asked,
  ...more: readonly string[]
): Promise<GoVerdict> {
  if (typeof check === 'string') throw new Error(check);
  const key = vkey ?? formatVkey(world.log.origin, testKey('log').signer.publicKey);
  const headers = ['-header', `Authorization: ApiKey ${token}`, '-header', `X-Tenant-Id: ${tenant}`];
  return check.run('log', '-vkey', key, ...headers, ...more, `${world.gateway.url}/v1/log/acme`);
}

describe('Go', () => {
  it('verifies checkpoint, tiles, bundles, inclusion of every entry, and growth from every checkpoint given before', async () => {
    const size = world.log.size;
    expect(await verdict({}, ...old)).toEqual({
      found: {
        size,
        entries: size,
        tiles: Math.ceil(size / 256) + 1,
        inclusion: size,
        consistency: size + old.length / 2,
        receipts: 0,
      },
    });
  });

  it('verifies the proof in every receipt that the gateway serves', async () => {
    const proofs = mkdtempSync(join(dir, 'proofs-'));
    for (const { this: id, index } of world.log.receipts) {
      const { merkle } = (await world.call(`/v1/receipts/${id}`)).json();
      writeFileSync(join(proofs, `${index}.tlog-proof`), merkle);
    }
    expect(await verdict({}, '-proofs', proofs)).toMatchObject({ found: { receipts: world.log.size } });
  });

  it('goes on from what it saw: the same log, later, has only grown', async () => {
    const before = join(dir, 'before');
    writeFileSync(before, (await world.call('/v1/log/acme/checkpoint')).text);
    await world.log.append(numbered(1_000_001), numbered(1_000_002));
    await world.untilProjected();
    expect(await verdict({}, '-old', before)).toMatchObject({ found: { size: world.log.size } });
  });

  it('is refused without a token of that tenant, and refuses the log under another key', async () => {
    expect(await verdict({ token: 'lltok_nobody_nobodynobodynobodynobody' })).toEqual({
      refused: 'checkpoint: checkpoint: 401 Unauthorized',
    });
    const stranger = formatVkey(world.log.origin, testKey('client').signer.publicKey);
    expect(await verdict({ vkey: stranger })).toEqual({
      refused: expect.stringMatching(/^checkpoint: .*signature/),
    });
  });
});
