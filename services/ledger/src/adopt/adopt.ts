import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { formatHex } from '@logline/canon-sign';
import { CONSUMERS, FIRST_PARTITION, isPartition, MOST_PARTITIONS } from '@logline/contracts';
import { connectNats } from '@logline/jetstream';
import { openPool } from '@logline/postgres';
import { readSecretFile } from '@logline/service';
import { type AnchorStore, anchorStore } from '../anchor/anchor.store.ts';
import type { LedgerConfig } from '../config.ts';
import type { Tip } from '../domain/anchor.ts';
import { logNames } from '../lead/log-names.ts';
import { readSigningKeys } from '../lead/signing-keys.ts';
import { AppendConnection } from '../storage/append-connection.ts';
import { onPool } from '../storage/on-pool.ts';
import { seizeLease } from '../storage/seize-lease.ts';
import { adoptLogs } from './adopt-logs.ts';
import { explain } from './explain.ts';
import { readOperator } from './operator-file.ts';
import { type Survey, survey } from './survey.ts';

/** Long enough for the adoption of some ten thousand logs; a killed one holds the partition up no longer than that. */
const LEASE_MS = 120_000;

/**
 * `adopt [--i-know --operator-key-file <file>] [--partition <n>]`: takes the database as it is for the truth, although its anchor says otherwise.
 * One JSON line on stdout, the explanation on stderr. 0 when nothing is to be adopted or all of it has been; 1 when it is and nobody has said so, or
 * when some log was left out (`not_adopted`): the partition signs again, but not for that one.
 */
export async function adopt(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const { iKnow, partition, operatorFile } = parseOptions(args);
  const operator = operatorFile === undefined ? undefined : readOperator(operatorFile);
  const { signer, otherSigner } = readSigningKeys(config);
  const nameOf = logNames(config.origin, signer, otherSigner);
  const postgresUrl = readSecretFile(config.postgresUrlFile);
  const pool = openPool(postgresUrl, { name: 'ledger adopt', max: 2 });
  const nc = await connectNats({
    url: config.natsUrl,
    user: config.natsUser,
    password: readSecretFile(config.natsPasswordFile),
    name: 'ledger adopt',
  });
  try {
    const sql = onPool(pool);
    const store = anchorStore(nc);
    const leaseName = CONSUMERS.ledger(partition);
    const look = (): Promise<Survey> => survey(sql, nc, store, partition, leaseName);
    const found = await look();
    const isNeeded = found.decision.kind === 'refuse';
    process.stderr.write(`${explain(found)}\n`);
    if (!isNeeded || !iKnow || operator === undefined) {
      report({ ...toReport(found), adopted: false });
      return isNeeded ? 1 : 0;
    }
    const holder = `adopt/${process.pid}/${randomUUID().slice(0, 8)}`;
    const above = Math.max(found.epoch, found.anchor?.epoch ?? 0);
    const epoch = await seizeLease(sql, leaseName, { above, holder, ttlMs: LEASE_MS });
    const connection = new AppendConnection(postgresUrl);
    try {
      const taken = await look(); // once more: whoever led may have committed until now
      const { tip, leftOut } = await adoptLogs(taken, {
        connection,
        lease: { name: leaseName, epoch },
        operator,
        signer,
        otherSigner,
        nameOf,
        withinMs: LEASE_MS,
      });
      await setAnchor(store, taken, tip, epoch);
      const { position: reached } = tip;
      report({
        ...toReport(taken),
        adopted: true,
        epoch,
        reached,
        operator: operator.kid,
        not_adopted: leftOut.map(({ tenant, why }) => ({ tenant, why })),
      });
      return leftOut.length === 0 ? 0 : 1;
    } finally {
      connection.close();
      await seizeLease(sql, leaseName, { above: epoch, holder, ttlMs: 0 }); // free at once
    }
  } finally {
    await Promise.allSettled([nc.drain(), pool.end()]);
  }
}

async function setAnchor(store: AnchorStore, found: Survey, tip: Tip, epoch: number): Promise<void> {
  const { partition, sequence } = found;
  const { position, chain } = tip;
  await store.set({ partition, position, chain, epoch, at: new Date().toISOString() }, sequence);
}

const USAGE = 'adopt [--i-know --operator-key-file <file>] [--partition <n>]';

function parseOptions(args: readonly string[]): {
  readonly iKnow: boolean;
  readonly partition: number;
  readonly operatorFile: string | undefined;
} {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'i-know': { type: 'boolean', default: false },
      'operator-key-file': { type: 'string' },
      partition: { type: 'string', default: String(FIRST_PARTITION) },
    },
  });
  const { 'i-know': iKnow, 'operator-key-file': operatorFile, partition } = values;
  if (!/^\d{1,4}$/.test(partition) || !isPartition(Number(partition)))
    throw new TypeError(`--partition is a number from 0 to ${MOST_PARTITIONS - 1}; usage: ${USAGE}`);
  if (iKnow && operatorFile === undefined)
    throw new TypeError(`--i-know is the operator's word: add --operator-key-file; usage: ${USAGE}`);
  return { iKnow, partition: Number(partition), operatorFile };
}

function toReport({ partition, tip, anchor, logs, decision, unknownFacts }: Survey): object {
  return {
    partition,
    needed: decision.kind === 'refuse',
    ...(decision.kind === 'refuse' ? { code: decision.code, why: decision.why } : {}),
    database: { position: tip.position, chain: formatHex(tip.chain) },
    ...(anchor === undefined
      ? {}
      : {
          anchor: {
            position: anchor.position,
            chain: formatHex(anchor.chain),
            epoch: anchor.epoch,
            at: anchor.at,
          },
        }),
    logs: logs.length,
    unknown_facts: unknownFacts,
  };
}

function report(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
