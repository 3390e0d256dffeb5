import { type JsonValue, canonicalText, formatHex, signObjectSync } from '@logline/canon-sign';
import type { RunnerAdd } from '@logline/contracts';
import { readConfig, readKeyFile } from '@logline/service';
import { PREFIX, RunnerConfig } from './config.ts';
import { readHpkeKeyFile } from './hpke-key-file.ts';
import { toAllowance } from './runner.ts';

/** `node dist/request.js`: this runner's request to be registered, on standard output; `logline runner add` sends it. */
const config = readConfig(PREFIX, RunnerConfig, process.env);
const signer = readKeyFile(config.keyFile);
const payload: Omit<RunnerAdd, 'possession'> = {
  kind: 'registry/runner.v1',
  tenant: config.tenant,
  runner: config.runnerId,
  kid: signer.kid,
  pub: formatHex(signer.publicKey),
  hpke_pub: (await readHpkeKeyFile(config.hpkeKeyFile)).publicKey,
  providers: [config.provider],
  allow: toAllowance(config),
};
const request: JsonValue = { ...signObjectSync('possession', payload, signer) };
process.stdout.write(`${canonicalText(request)}\n`);
