import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHex, parseHex, signerFromSeed, signObjectSync, type LocalSigner } from '@logline/canon-sign';
import type { Manifest } from '@logline/contracts';
import { LogLineSDK, type SignedSpan } from '@logline/sdk';
import { parseVkey, verifyReceipt } from '@logline/tlog';
import { unlockWallet } from '@logline/wallet';

const IN_FLIGHT = 64;
/** The load generator verifies one receipt in a hundred; it runs on the same machine. */
const VERIFY_EVERY = 100;
const SPANS_AHEAD = 8000;

export type AppendFigures = {
  readonly receipts_per_s: number;
  readonly append_p50_ms: number;
  readonly append_p99_ms: number;
  readonly receipts_checked: number;
};

/**
 * Receipts a second over HTTP, one span a request, 64 in flight; request signature and span signature both checked. Spans are signed beforehand; each
 * request is signed as it goes, as any client must. Each span applies a manifest to a container of its own, so none waits for another; with it commits
 * the gate's signed verdict: two entries a receipt.
 */
export async function measureAppend(home: string, seconds: number): Promise<AppendFigures> {
  const env = JSON.parse(await readFile(join(home, '.logline', 'dev', 'env.json'), 'utf8'));
  const wallet = unlockWallet(
    await readFile(env.walletFile),
    (await readFile(env.passphraseFile, 'utf8')).trimEnd(),
  );
  const [key] = wallet.keys;
  if (key === undefined) throw new Error('the wallet has no key');
  const signer = signerFromSeed(key.kid, parseHex(key.seed, 32));
  const vkeys = [parseVkey(env.logKey)];
  let checked = 0;
  let received = 0;
  const sdk = new LogLineSDK({
    baseUrl: env.baseUrl,
    apiKey: env.apiKey,
    tenant: env.tenant,
    signer,
    onReceipt: (receipt, spanBytes) => {
      received += 1;
      if (received % VERIFY_EVERY !== 0) return;
      verifyReceipt({ receipt, spanBytes, vkeys });
      checked += 1;
    },
  });
  const manifest = signedManifest(env.tenant, signer, String(env.apiKey).split('_')[1] ?? '');
  const spans = await Promise.all(
    Array.from({ length: SPANS_AHEAD }, (_, i) =>
      sdk.sign({
        intent: 'minicontainer.apply',
        subject: `urn:minicontainer:${env.tenant}/bench-${i}`,
        payload: { manifest },
      }),
    ),
  );
  const latencies: number[] = [];
  const start = performance.now();
  const endsAt = start + seconds * 1000;
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => send(sdk, spans, latencies, endsAt)));
  const elapsedS = (performance.now() - start) / 1000;
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    receipts_per_s: Math.round(latencies.length / elapsedS),
    append_p50_ms: percentile(sorted, 0.5),
    append_p99_ms: percentile(sorted, 0.99),
    receipts_checked: checked,
  };
}

/** A manifest that any container may have; signed once, as the same release is that many containers take. */
function signedManifest(tenant: string, signer: LocalSigner, tokenId: string): Manifest {
  const unsigned = {
    type: 'll.minicontainer.v1' as const,
    version: '1.0.0',
    owner: { tenant },
    slots: {
      signing: [{ kid: signer.kid, pub: formatHex(signer.publicKey), status: 'active' as const }],
      api: [{ token_id: tokenId, scopes: ['*'], status: 'active' as const }],
    },
    deploy: { engine: 'container' as const, image: 'localhost/none:1', targets: [{ provider: 'docker' }] },
    ts: new Date().toISOString(),
  };
  return signObjectSync('manifest', unsigned, signer);
}

async function send(
  sdk: LogLineSDK,
  spans: SignedSpan[],
  latencies: number[],
  endsAt: number,
): Promise<void> {
  for (let span = spans.pop(); span !== undefined && performance.now() < endsAt; span = spans.pop()) {
    const sentAt = performance.now();
    const [ack] = await sdk.appendSigned([span]);
    if (ack?.status !== 'ok') throw new Error(`refused: ${JSON.stringify(ack)}`);
    latencies.push(performance.now() - sentAt);
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 10) / 10;
}
