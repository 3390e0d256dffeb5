import { migrateDatabase } from '@logline/postgres';
import { readConfig, readSecretFile } from '@logline/service';
import { LedgerConfig, PREFIX } from './config.ts';
import { LEDGER_MIGRATIONS } from './migrations/ledger-migrations.ts';

// Run before the service starts, with the same environment. A service never makes tables by surprise.
const config = readConfig(PREFIX, LedgerConfig, process.env);
const applied = await migrateDatabase({
  url: readSecretFile(config.postgresUrlFile),
  schema: 'ledger',
  entities: [],
  migrations: LEDGER_MIGRATIONS,
});
process.stdout.write(`${JSON.stringify({ name: 'ledger', migrations: applied })}\n`);
