import { parseHex } from '@logline/canon-sign';
import { formatInstant } from '@logline/contracts';
import { openPool } from '@logline/postgres';
import { readSecretFile } from '@logline/service';
import { formatVkey } from '@logline/tlog';
import type { LedgerConfig } from '../config.ts';
import { keyAt } from '../domain/log-keys.ts';
import { LedgerError } from '../errors.ts';
import { EXIT, parseArguments, report } from '../maintain/maintenance.ts';
import { type KeyedLog, loadAllLogKeys } from '../storage/load-all-log-keys.ts';
import { onPool } from '../storage/on-pool.ts';

const USAGE = 'log-keys [--to <public key, 64 hex>] [--tenant <tenant>]';

/**
 * By which key each log is signed, and which one follows. With `--to` only those that neither are signed by that key nor are being led to it: who is
 * still to be rotated before another key is taken away; the answer is no while there are any. Reads, beside a running ledger.
 */
export async function logKeys(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const { values } = parseArguments(USAGE, {
    args: [...args],
    options: { tenant: { type: 'string' }, to: { type: 'string' } },
  });
  const { to, tenant } = values;
  if (to !== undefined && !/^[0-9a-f]{64}$/.test(to))
    throw new LedgerError('USAGE', `--to is a public key\nusage: ${USAGE}`);
  const pool = openPool(readSecretFile(config.postgresUrlFile), { name: 'ledger log-keys', max: 1 });
  try {
    const all = await loadAllLogKeys(onPool(pool), tenant);
    if (tenant !== undefined && all.length === 0)
      throw new LedgerError('USAGE', `there is no log of ${tenant}`);
    const shown = to === undefined ? all : all.filter((log) => !isLedTo(log, parseHex(to, 32)));
    const isDone = to === undefined || shown.length === 0;
    const nowMs = Date.now();
    report({
      ok: isDone,
      logs: all.length,
      ...(to === undefined ? {} : { left: shown.length }),
      keys: shown.map((log) => toRow(log, nowMs)),
    });
    return isDone ? EXIT.done : EXIT.negative;
  } finally {
    await pool.end();
  }
}

function isLedTo({ origin, keys: { key, next } }: KeyedLog, publicKey: Uint8Array): boolean {
  return (next?.key ?? key) === formatVkey(origin, publicKey);
}

/** `next` while its time has not come. */
function toRow({ tenant, keys }: KeyedLog, nowMs: number): object {
  const { next } = keys;
  const isPending = next !== undefined && next.fromMs > nowMs;
  return {
    tenant,
    log_key: keyAt(keys, nowMs),
    ...(isPending ? { next: { log_key: next.key, from: formatInstant(next.fromMs) } } : {}),
  };
}
