import { readFileSync } from 'node:fs';
import { isPartition } from '@logline/contracts';
import { connectNats } from './connect.ts';
import { emptyFacts } from './empty-facts.ts';
import { keepStreams, migrateStreams } from './migrate-streams.ts';

/**
 * Streams and consumers as this version wants them: `node dist/migrate.js`, or `… --keep` to stay and do it again whenever the
 * server comes back (one machine), or `… --empty-facts` to begin with an empty stream of facts (docs/ageing.md). Reads LOGLINE_MIGRATOR_NATS_URL, …_NATS_USER (default migrator), …_NATS_PASSWORD_FILE, …_REPLICAS (default 1),
 * …_PARTITIONS of the ledger (default 1), …_FACTS_DAYS that a fact stays in its stream (default 30, 0 for ever; the same for each run).
 */
const { env } = process;
const url = env['LOGLINE_MIGRATOR_NATS_URL'] ?? '';
const passwordFile = env['LOGLINE_MIGRATOR_NATS_PASSWORD_FILE'] ?? '';
const replicas = Number(env['LOGLINE_MIGRATOR_REPLICAS'] || '1');
const partitions = Number(env['LOGLINE_MIGRATOR_PARTITIONS'] || '1');
const factsDays = Number(env['LOGLINE_MIGRATOR_FACTS_DAYS'] || '30');
const isMigratable =
  url !== '' &&
  passwordFile !== '' &&
  [1, 3, 5].includes(replicas) &&
  isPartition(partitions - 1) &&
  Number.isInteger(factsDays) &&
  factsDays >= 0;
if (!isMigratable) {
  console.error(
    'set LOGLINE_MIGRATOR_NATS_URL, LOGLINE_MIGRATOR_NATS_PASSWORD_FILE and, if not 1, LOGLINE_MIGRATOR_REPLICAS to 3 or 5, LOGLINE_MIGRATOR_PARTITIONS to 2 or more, LOGLINE_MIGRATOR_FACTS_DAYS to another number than 30',
  );
  process.exit(2);
}
const options = { replicas, partitions, factsMaxAgeMs: factsDays * 24 * 3_600_000 };
const log = {
  debug: () => undefined,
  info: (fields: object, message: string) =>
    console.log(JSON.stringify({ level: 'info', msg: message, ...fields })),
  warn: (fields: object, message: string) =>
    console.error(JSON.stringify({ level: 'warn', msg: message, ...fields })),
  error: (fields: object, message: string) =>
    console.error(JSON.stringify({ level: 'error', msg: message, ...fields })),
};
const nc = await connectNats({
  url,
  user: env['LOGLINE_MIGRATOR_NATS_USER'] ?? 'migrator',
  password: readFileSync(passwordFile, 'utf8').trim(),
  name: 'migrator',
  log,
});
if (process.argv.includes('--keep')) {
  const keeper = keepStreams(nc, log, options);
  await keeper.ready;
  log.info({}, 'streams are as wanted; watching');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      keeper.stop();
      void nc.close();
    });
  }
} else {
  const isEmptied = process.argv.includes('--empty-facts');
  await (isEmptied ? emptyFacts : migrateStreams)(nc, options);
  await nc.close();
  log.info({ isEmptied }, 'streams are as wanted');
}
