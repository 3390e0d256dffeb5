import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCALE_BENCH = fileURLToPath(new URL('../services/ledger/test/run-scale-bench.ts', import.meta.url));

export type LedgerFigures = {
  readonly limits: { readonly pg_insert_per_s: number; readonly jetstream_publish_per_s: number };
  readonly results: {
    readonly ledger_receipts_per_s: number;
    /** Of receipts a second on the full log to those on an empty one, measured before and after it. */
    readonly ratio_at_1m: number;
    readonly fsck_1m_s: number;
    /** The most that it ever was. */
    readonly ledger_rss_mb: number;
    readonly ledger_settled_rss_mb: number;
    /** What the figures above were measured at; fewer than a million with --quick. */
    readonly ledger_entries: number;
    readonly ledger_tenants: number;
  };
};

/**
 * The ledger alone, in a process, a PostgreSQL and a nats-server of its own: receipts a second on an empty log and on a full one, fsck of it all, memory; and
 * the limits of the same PostgreSQL and the same stream.
 */
export async function measureLedger(entries: number, tenants: number): Promise<LedgerFigures> {
  const args = [
    '--conditions=@logline/source',
    '--disable-warning=ExperimentalWarning',
    SCALE_BENCH,
    String(entries),
    String(tenants),
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the ledger's bench ended with ${code}`);
  const measured = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return {
    limits: measured.limits,
    results: {
      ledger_receipts_per_s: measured.whenEmpty,
      ratio_at_1m: Math.round(measured.ratio * 100) / 100,
      fsck_1m_s: measured.fsckSeconds,
      ledger_rss_mb: measured.rssMb,
      ledger_settled_rss_mb: measured.settledRssMb,
      ledger_entries: measured.entries,
      ledger_tenants: measured.tenants,
    },
  };
}
