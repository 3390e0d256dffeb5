import { readConfig, readSecretFile } from '@logline/service';
import { LedgerConfig, MIGRATE_PREFIX, MigrateConfig, PREFIX } from './config.ts';
import { migrateLedger } from './migrations/migrate-ledger.ts';

// Run before the service starts, with the same environment and the owner's URL beside it. A service never makes tables by surprise.
const service = readConfig(PREFIX, LedgerConfig, process.env);
const owner = readConfig(MIGRATE_PREFIX, MigrateConfig, process.env);
const applied = await migrateLedger({
  ownerUrl: readSecretFile(owner.postgresUrlFile),
  serviceUrl: readSecretFile(service.postgresUrlFile),
});
process.stdout.write(`${JSON.stringify({ name: 'ledger', migrations: applied })}\n`);
