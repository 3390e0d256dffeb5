import { writeFile } from 'node:fs/promises';
import { blake3Hash, parseHex, utf8 } from '@logline/canon-sign';
import { SERVICE_NAMES } from '@logline/contracts';
import { findFreePort } from '@logline/engines';
import { formatVkey } from '@logline/tlog';
import type { EnvFile } from './env-file.ts';
import type { Infrastructure } from './infrastructure.ts';
import type { Layout } from './layout.ts';
import type { Secrets } from './secrets.ts';
import type { Surroundings } from './services.ts';

const ORIGIN = 'logline.local';
const PREFERRED_GATEWAY_PORT = 8080;

/** What every process is started with: ports, and the secrets it reads as files, made on the way. */
export async function surroundings(
  { layout, secrets }: { readonly layout: Layout; readonly secrets: Secrets },
  infrastructure: Infrastructure,
  before: EnvFile | null,
): Promise<Surroundings> {
  const services = ['ledger', 'tdln-gate', 'wallet-verifier', 'projector', 'deploy-orchestrator', 'runner'];
  // the gateway stays where it was, if it can: clients have its address
  const preferred = before === null ? PREFERRED_GATEWAY_PORT : Number(new URL(before.baseUrl).port);
  const ports: Record<string, number> = { gateway: await findFreePort(preferred) };
  for (const service of services) ports[service] = await findFreePort();
  const token = await secrets.text('operator.token', () => `operator_${randomToken()}`);
  await writeSharedFiles(secrets, infrastructure, token);
  const operator = await secrets.key('operator', 'operator');
  return {
    layout,
    natsUrl: infrastructure.natsUrl,
    secretFile: (name) => secrets.path(name),
    ports,
    origin: ORIGIN,
    authorities: ['127.0.0.1', 'localhost'].map((host) => `${host}:${ports['gateway'] ?? 0}`).join(','),
    operatorTokenHash: blake3Hash(utf8(token)),
    operatorKeys: `${operator.kid}:${operator.pub}`,
  };
}

/** What services read as files: URLs with passwords in them, the operator's keys, and everything a new tenant's log begins with. */
async function writeSharedFiles(
  secrets: Secrets,
  { postgresUrls }: Infrastructure,
  token: string,
): Promise<void> {
  const operator = await secrets.key('operator', 'operator');
  const log = await secrets.key('log', 'log');
  const services = await Promise.all(
    SERVICE_NAMES.map(async (service) => {
      const { kid, pub } = await secrets.key(service, service);
      return { service, kid, pub };
    }),
  );
  const write = (name: string, text: string): Promise<void> =>
    writeFile(secrets.path(name), text, { mode: 0o600 });
  for (const [role, url] of Object.entries(postgresUrls)) await write(`postgres-${role}.url`, `${url}\n`);
  await write('operator-keys.json', JSON.stringify([{ kid: operator.kid, pub: operator.pub }]));
  const { kid, seed } = operator;
  await write(
    'operator.json',
    JSON.stringify({ kid, seed, token, origin: ORIGIN, log_pub: log.pub, services }),
  );
}

/** The verifier key of a tenant's log that it was born with, and that everybody pins: remembered, since the log may have gone on to another. */
export async function logKeyOf(tenant: string, secrets: Secrets): Promise<string> {
  const { pub } = await secrets.key('log', 'log');
  return await secrets.text(`${tenant}.log-key`, () => formatVkey(`${ORIGIN}/${tenant}`, parseHex(pub, 32)));
}

function randomToken(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
}
