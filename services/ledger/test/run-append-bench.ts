import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAckReply } from '@logline/contracts';
import { signedSpan, startWorld, tenantCreatedSpan, TEST_ORIGIN, testKey } from '@logline/testing';
import { parseVkey, formatVkey, verifyReceipt } from '@logline/tlog';
import { benchEnvelope, type BenchSpan, openAppendBench } from './append-bench.ts';

// node --conditions=@logline/source services/ledger/test/run-append-bench.ts [spans per envelope] [envelopes in flight] [envelopes] [--no-facts]
const [perEnvelope = 128, inFlight = 16, envelopes = 200] = process.argv
  .slice(2)
  .filter((arg) => !arg.startsWith('--'))
  .map(Number);
const withFacts = !process.argv.includes('--no-facts');
const TENANT = 'acme';

const root = testKey('root');
const spans: BenchSpan[][] = Array.from({ length: envelopes }, (_, at) =>
  Array.from({ length: perEnvelope }, (_, nth) => {
    const name = `web-${(at * perEnvelope + nth) % 1000}`;
    const { bytes } = signedSpan({
      intent: 'deploy.stop',
      subject: `urn:minicontainer:${TENANT}/${name}`,
      payload: { target: { provider: 'docker' }, note: 'x'.repeat(400) },
      nth: at * perEnvelope + nth,
      tsMs: Date.now(),
      key: root,
    });
    return {
      bytes,
      reads: {
        'kid:root': -1,
        'token:tok1': -1,
        [`lease:urn:minicontainer:${TENANT}/${name}`]: 1_000_000_000,
      },
      writes: [`lease:urn:minicontainer:${TENANT}/${name}`],
    };
  }),
);
const world = await startWorld({ name: 'ledger-bench' });
const service = dirname(dirname(fileURLToPath(import.meta.url)));
const env = world.env('LOGLINE_LEDGER', 'ledger', {
  role: 'ledger',
  key: 'log',
  more: { ORIGIN: TEST_ORIGIN },
});
execFileSync(process.execPath, [join(service, 'dist', 'migrate.js')], { env: { ...process.env, ...env } });
const bench = await openAppendBench({
  postgresUrl: world.postgresUrl('ledger'),
  ...(withFacts ? { nc: await world.connect('ledger') } : {}),
  signer: testKey('log').signer,
  origin: TEST_ORIGIN,
});
const birth = tenantCreatedSpan({ tenant: TENANT });
await bench.append(
  benchEnvelope(TENANT, [{ bytes: birth.bytes, reads: { tenant: -1 }, writes: ['tenant'] }], 'operator'),
);

const bytesPerSpan = spans[0]?.[0]?.bytes.length;
const latencies: number[] = [];
let next = 0;
let checked = 0;
const vkeys = [parseVkey(formatVkey(`${TEST_ORIGIN}/${TENANT}`, testKey('log').signer.publicKey))];
const cpu = process.cpuUsage();
const startMs = performance.now();
await Promise.all(
  Array.from({ length: inFlight }, async () => {
    for (let at = next++; at < spans.length; at = next++) {
      const own = spans[at] ?? [];
      const sentMs = performance.now();
      const acks = await bench.append(benchEnvelope(TENANT, own));
      latencies.push(performance.now() - sentMs);
      if (at % 100 !== 0) continue;
      const ack = parseAckReply(acks[0] ?? new Uint8Array(0)).acks[0]?.ack;
      if (ack?.status !== 'ok') throw new Error(JSON.stringify(ack));
      verifyReceipt({ receipt: ack.receipt, spanBytes: own[0]?.bytes ?? new Uint8Array(0), vkeys });
      checked++;
    }
  }),
);
const seconds = (performance.now() - startMs) / 1000;
const used = process.cpuUsage(cpu);
const backendUs = await backendCpuUs();
latencies.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    perEnvelope,
    inFlight,
    withFacts,
    bytesPerSpan,
    receiptsPerSecond: Math.round((envelopes * perEnvelope) / seconds),
    p50Ms: Number(latencies[Math.floor(latencies.length / 2)]?.toFixed(1)),
    p99Ms: Number(latencies[Math.floor(latencies.length * 0.99)]?.toFixed(1)),
    turns: bench.turns.count,
    commitMsPerTurn: Number((bench.turns.commitMs / bench.turns.count).toFixed(2)),
    anchorMsPerTurn: Number((bench.turns.anchorMs / bench.turns.count).toFixed(2)),
    entriesPerTurn: Number((bench.turns.entries / bench.turns.count).toFixed(1)),
    cpuUsPerSpan: Math.round((used.user + used.system) / (envelopes * perEnvelope)),
    backendCpuUsPerSpan: Math.round(backendUs / (envelopes * perEnvelope)),
    checked,
    rssMb: Math.round(process.memoryUsage.rss() / 1024 / 1024),
  }),
);
await bench.close();
await world.close();
process.exit(0);

/** CPU time of the PostgreSQL process behind the append connection; 0 where there is no /proc. */
async function backendCpuUs(): Promise<number> {
  const { rows } = await world
    .pool('ledger')
    .query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE application_name = 'ledger append'`);
  try {
    const fields = readFileSync(`/proc/${rows[0]?.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000; // clock ticks of 10 ms
  } catch {
    return 0;
  }
}
