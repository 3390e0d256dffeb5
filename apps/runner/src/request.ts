import { type JsonValue, canonicalText, formatHex, signObjectSync } from '@logline/canon-sign';
import type { RunnerAdd } from '@logline/contracts';
import { readKeyFile } from '@logline/service';
import { readRunnerConfig } from './config.ts';
import { readHpkeKeyFile } from './hpke-key-file.ts';
import { toAllowance } from './runner.ts';

/** `node dist/request.js`: this runner's request to be registered, on standard output; `logline runner add` sends it. */
const config = readRunnerConfig();
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
