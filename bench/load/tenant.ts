import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  blake3Hash,
  formatHex,
  parseHex,
  signerFromSeed,
  signObjectSync,
  utf8,
  type LocalSigner,
} from '@logline/canon-sign';
import type { Manifest } from '@logline/contracts';
import { LogLineSDK } from '@logline/sdk';
import { formatVkey, parseVkey, verifyCheckpoint, type Vkey } from '@logline/tlog';

/** A tenant of the bench's own: no runner follows it, so only the services of the installation work for it. */
export type BenchTenant = {
  readonly baseUrl: URL;
  readonly name: string;
  readonly apiKey: string;
  readonly signer: LocalSigner;
  readonly logKey: Vkey;
  /** Signed once, as the same release is that many containers take. */
  readonly manifest: Manifest;
};

const TOKEN_ID = 'tok-bench';

/** Born by the operator of the installation at `home`, with one key that may do everything. */
export async function bearBenchTenant(home: string, name: string): Promise<BenchTenant> {
  const env = JSON.parse(await readFile(`${home}/.logline/dev/env.json`, 'utf8'));
  const operator = JSON.parse(await readFile(env.operatorKeyFile, 'utf8'));
  const signer = signerFromSeed('kid-bench', randomBytes(32));
  const apiKey = `lltok_${TOKEN_ID}_${randomBytes(32).toString('base64url')}`;
  const origin = `${operator.origin}/${name}`;
  const log_key = formatVkey(origin, parseHex(operator.log_pub, 32));
  const root = { kid: signer.kid, pub: formatHex(signer.publicKey), scopes: ['*'] };
  const api_key = { token_id: TOKEN_ID, hash: blake3Hash(utf8(apiKey)), scopes: ['*'] };
  const born = { tenant: name, origin, log_key, root, services: operator.services, api_key };
  const sdk = new LogLineSDK({
    baseUrl: env.baseUrl,
    tenant: name,
    apiKey: operator.token,
    signer: signerFromSeed(operator.kid, parseHex(operator.seed, 32)),
  });
  const [ack] = await sdk.append({
    intent: 'registry.tenant.created',
    subject: `urn:tenant:${name}`,
    payload: signObjectSync('possession', born, signer),
  });
  if (ack?.status !== 'ok') throw new Error(`no tenant: ${JSON.stringify(ack)}`);
  return {
    baseUrl: new URL(env.baseUrl),
    name,
    apiKey,
    signer,
    logKey: parseVkey(log_key),
    manifest: signedManifest(name, signer),
  };
}

/** Entries of its log as the newest checkpoint served says, once that stands still, and how long until then it still grew. */
export async function settle({
  baseUrl,
  name,
  apiKey,
  logKey,
}: BenchTenant): Promise<{ size: number; afterMs: number }> {
  const headers = { Authorization: `ApiKey ${apiKey}`, 'X-Tenant-Id': name };
  const startMs = performance.now();
  let [size, afterMs] = [-1, 0];
  while (performance.now() - startMs - afterMs < STANDS_STILL_MS) {
    const answer = await fetch(new URL(`/v1/log/${name}/checkpoint`, baseUrl), { headers });
    if (!answer.ok) throw new Error(`no checkpoint: ${answer.status}`);
    const served = Number(
      verifyCheckpoint(await answer.text(), { origin: logKey.name, vkeys: [logKey] }).size,
    );
    if (served !== size) [size, afterMs] = [served, performance.now() - startMs];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { size, afterMs };
}
const STANDS_STILL_MS = 1_000;

function signedManifest(tenant: string, signer: LocalSigner): Manifest {
  const unsigned = {
    type: 'll.minicontainer.v1' as const,
    version: '1.0.0',
    owner: { tenant },
    slots: {
      signing: [{ kid: signer.kid, pub: formatHex(signer.publicKey), status: 'active' as const }],
      api: [{ token_id: TOKEN_ID, scopes: ['*'], status: 'active' as const }],
    },
    deploy: { engine: 'container' as const, image: 'localhost/none:1', targets: [{ provider: 'docker' }] },
    ts: new Date().toISOString(),
  };
  return signObjectSync('manifest', unsigned, signer);
}
