import { randomBytes, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { formatHex, type LocalSigner } from '@logline/canon-sign';
import { CONSUMERS, FIRST_PARTITION } from '@logline/contracts';
import { connectNats } from '@logline/jetstream';
import { openPool } from '@logline/postgres';
import { readKeyFile, readSecretFile } from '@logline/service';
import { formatVkey } from '@logline/tlog';
import { type AnchorStore, anchorStore } from '../anchor/anchor.store.ts';
import { Memory } from '../append/memory.ts';
import { takeTurn } from '../append/turn.ts';
import type { LedgerConfig } from '../config.ts';
import type { Tip } from '../domain/anchor.ts';
import type { BatchRequest } from '../domain/batch.ts';
import { parseEntry } from '../domain/entry.ts';
import { LedgerError } from '../errors.ts';
import { AppendConnection } from '../storage/append-connection.ts';
import { onPool } from '../storage/on-pool.ts';
import { seizeLease } from '../storage/seize-lease.ts';
import { adoptionSpan } from './adoption-span.ts';
import { explain } from './explain.ts';
import { readOperator } from './operator-file.ts';
import { type Survey, survey } from './survey.ts';

/** Long enough for the adoption of some ten thousand logs; a killed one holds the partition up no longer than that. */
const LEASE_MS = 120_000;
/** Adopted together, so that no commit becomes too large. */
const MOST_LOGS = 500;

/**
 * `adopt [--i-know --operator-key-file <file>] [--partition <n>]`: takes the database as it is for the truth, although its anchor says otherwise.
 * One JSON line on stdout, the explanation on stderr. 0 when nothing is to be adopted or it has been; 1 when it is and nobody has said so.
 */
export async function adopt(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const { iKnow, partition, operatorFile } = parseOptions(args);
  const operator = operatorFile === undefined ? undefined : readOperator(operatorFile);
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
      const tip = await adoptLogs(taken, { connection, epoch, leaseName, operator, ...logIdentity(config) });
      await setAnchor(store, taken, tip, epoch);
      report({ ...toReport(taken), adopted: true, epoch, reached: tip.position, operator: operator.kid });
      return 0;
    } finally {
      connection.close();
      await seizeLease(sql, leaseName, { above: epoch, holder, ttlMs: 0 }); // free at once
    }
  } finally {
    await Promise.allSettled([nc.drain(), pool.end()]);
  }
}

type Adopting = {
  readonly connection: AppendConnection;
  readonly epoch: number;
  readonly leaseName: string;
  readonly operator: LocalSigner;
  readonly signer: LocalSigner;
  readonly nameOf: (tenant: string) => { readonly origin: string; readonly logKey: string };
};

/** Every log gets its entry, by the turns that every entry is made by. Where the partition stands behind the last one. */
async function adoptLogs(found: Survey, by: Adopting): Promise<Tip> {
  const { partition, anchor, logs } = found;
  // never back to a position that somebody else has called another commit
  let tip: Tip = { ...found.tip, position: Math.max(found.tip.position, anchor?.position ?? 0) };
  for (let at = 0; at < logs.length; at += MOST_LOGS) {
    const requests = logs
      .slice(at, at + MOST_LOGS)
      .map(({ tenant }) => requestOf(tenant, found, by.operator));
    const result = await takeTurn(requests, {
      partition,
      lease: { name: by.leaseName, epoch: by.epoch },
      connection: by.connection,
      memory: new Memory(),
      signer: by.signer,
      nameOf: by.nameOf,
      clock: Date.now,
      tip,
    });
    const refused = result.answers
      .flatMap(({ outcomes }) => outcomes)
      .find(({ kind }) => kind !== 'appended');
    if (refused !== undefined || result.tip === undefined)
      throw new LedgerError(
        'LOG_MOVED',
        `a log could not be adopted: ${refused?.kind ?? 'nothing to commit'}`,
      );
    tip = result.tip;
  }
  return tip;
}

function requestOf(tenant: string, found: Survey, operator: LocalSigner): BatchRequest {
  const nowMs = Date.now();
  const bytes = adoptionSpan(tenant, found, operator, nowMs, randomBytes(10));
  return {
    trace: randomBytes(16).toString('hex'),
    reply: '',
    tenant,
    language: 'en',
    caller: { kind: 'operator' },
    submitted_ms: nowMs,
    deadline_ms: nowMs + LEASE_MS,
    attempt: 0,
    spans: [
      {
        position: 0,
        entry: parseEntry(bytes, tenant),
        verdict: undefined,
        role: 'operator',
        reads: {},
        writes: [],
      },
    ],
  };
}

async function setAnchor(store: AnchorStore, found: Survey, tip: Tip, epoch: number): Promise<void> {
  const { partition, sequence } = found;
  const { position, chain } = tip;
  await store.set({ partition, position, chain, epoch, at: new Date().toISOString() }, sequence);
}

function logIdentity({ keyFile, origin }: Readonly<LedgerConfig>): Pick<Adopting, 'signer' | 'nameOf'> {
  const signer = readKeyFile(keyFile);
  return {
    signer,
    nameOf: (tenant) => ({
      origin: `${origin}/${tenant}`,
      logKey: formatVkey(`${origin}/${tenant}`, signer.publicKey),
    }),
  };
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
  if (!/^\d{1,4}$/.test(partition)) throw new TypeError(`--partition is a number; usage: ${USAGE}`);
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
