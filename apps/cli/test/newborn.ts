import { formatHex, signerFromSeed, signObjectSync } from '@logline/canon-sign';
import { deriveHpkeKeyPair } from '@logline/wallet';
import { writeFile } from 'node:fs/promises';
import type { Person, Printed } from './home.ts';
import type { LogServer } from './log-server.ts';

/** What an operator has in hand who bears tenants in this log; the file's path. */
export async function writeOperatorFile(person: Person, log: LogServer): Promise<string> {
  const operator = {
    kid: 'operator',
    seed: '11'.repeat(32),
    token: 'operator_0123456789abcdef',
    origin: 'test.local',
    log_pub: formatHex(log.logPub),
    services: [{ service: 'tdln-gate', kid: 'gate', pub: '22'.repeat(32) }],
  };
  const path = person.path('operator.json');
  await writeFile(path, JSON.stringify(operator), { mode: 0o600 });
  return path;
}

/** The tenant is born, and its first API token is in the file `token`. */
export async function bearTenant(person: Person, log: LogServer, tenant: string): Promise<Printed> {
  const file = await writeOperatorFile(person, log);
  return person.must(['tenant', 'create', tenant, '--operator-key-file', file, '--token-out', 'token']);
}

const runnerKey = signerFromSeed('kid_runner', new Uint8Array(32).fill(3));
export const runnerHpke = await deriveHpkeKeyPair(new Uint8Array(32).fill(4));

/** The tenant has a runner `local` for Docker. */
export async function addRunner(person: Person, tenant: string): Promise<void> {
  const payload = signObjectSync(
    'possession',
    {
      tenant,
      runner: 'local',
      kid: runnerKey.kid,
      pub: formatHex(runnerKey.publicKey),
      hpke_pub: runnerHpke.publicKey,
      providers: ['docker'],
    },
    runnerKey,
  );
  await writeFile(person.path('runner.json'), JSON.stringify(payload));
  await person.must(['runner', 'add', 'runner.json']);
}
