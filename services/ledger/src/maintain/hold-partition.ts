import { Lease, openPool } from '@logline/postgres';
import { LedgerError } from '../errors.ts';

const TTL_MS = 10_000;

/**
 * Does what only a leader may, as the leader: holds the partition's lease meanwhile, so that no ledger leads it.
 * @throws LedgerError `LEDGER_RUNS` if one does; `LEASE_LOST` if this process stood still for so long that another took over, and then the work has failed
 */
export async function holdPartition<T>(
  postgresUrl: string,
  name: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const pool = openPool(postgresUrl, { name: 'ledger maintenance', max: 1 });
  const lost = new AbortController();
  const lease = new Lease({
    pool,
    name,
    holder: `maintenance/${process.pid}`,
    ttlMs: TTL_MS,
    onLost: () => lost.abort(new LedgerError('LEASE_LOST', `the lease ${name} was lost`)),
  });
  try {
    if ((await lease.acquire()) === null)
      throw new LedgerError('LEDGER_RUNS', `a ledger leads ${name}: stop it first`);
    const result = await work(lost.signal);
    lost.signal.throwIfAborted();
    return result;
  } finally {
    await lease.release();
    await pool.end();
  }
}
