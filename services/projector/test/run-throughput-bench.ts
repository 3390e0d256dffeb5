import { publishBatch, type FactMessage } from '@logline/jetstream';
import { query } from '@logline/postgres';
import {
  buildService,
  eventually,
  migrateService,
  startService,
  startWorld,
  TestLog,
} from '@logline/testing';
import { readFileSync } from 'node:fs';
import { traffic } from './story.ts';

/** Facts a second from a full stream into the views: `run-throughput-bench.ts <tenants> <facts>`. */
const [tenants = 1, total = 20_000] = process.argv.slice(2).map(Number);
/** Facts of one log in a row, as a busy ledger would commit them. */
const IN_A_ROW = 10;

buildService('projector');
const world = await startWorld({ name: 'bench' });
try {
  const nc = await world.connect('test');
  const pool = world.pool('views');
  const env = {
    ...world.env('LOGLINE_PROJECTOR', 'projector', { role: 'views' }),
    LOGLINE_PROJECTOR_LOG_LEVEL: 'info',
  };
  migrateService('projector', env);
  const logs = Array.from({ length: tenants }, (_, at) => new TestLog({ tenant: `tenant-${at}` }));
  let waiting: FactMessage[] = [];
  for (let sent = 0; sent < total;) {
    for (const log of logs) {
      const facts = log.append(traffic(log.tenant, IN_A_ROW, log.facts.length));
      waiting.push(...facts.map(({ message }) => message));
      sent += IN_A_ROW;
      if (waiting.length < 500 && sent < total) continue;
      await publishBatch(nc, waiting);
      waiting = [];
      if (sent >= total) break;
    }
  }
  const projector = await startService('projector', env);
  await eventually(() => {
    if (!projector.lines.some(({ msg }) => msg === 'leading')) throw new Error('not leading yet');
  });
  const from = { ms: performance.now(), cpuMs: cpuMsOf(projector.pid) };
  await eventually(
    async () => {
      const [row] = await query<{ size: number }>(
        pool,
        'select coalesce(sum(size), 0)::bigint as size from log',
      );
      if ((row?.size ?? 0) < total) throw new Error(`only ${row?.size ?? 0} after a minute`);
    },
    { withinMs: 60_000 },
  );
  const ms = performance.now() - from.ms;
  const cpuMs = cpuMsOf(projector.pid) - from.cpuMs;
  console.log(
    JSON.stringify({
      tenants,
      facts: total,
      facts_per_s: Math.round((total / ms) * 1_000),
      facts_per_cpu_s: Math.round((total / cpuMs) * 1_000),
      batches: await projector.metric('projector_batch_facts_count'),
    }),
  );
  await projector.stop();
} finally {
  await world.close();
}

/** User and system time of a process, counted in hundredths of a second. */
function cpuMsOf(pid: number): number {
  const [user = 0, system = 0] = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .split(' ')
    .slice(13, 15)
    .map(Number);
  return (user + system) * 10;
}
