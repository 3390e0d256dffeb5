import { migrateDatabase } from '@logline/postgres';
import { readConfig, readSecretFile } from '@logline/service';
import { GatewayConfig, PREFIX } from './config.ts';
import { MIGRATIONS } from './migrations/index.ts';

// Run before the service starts, with the same environment. A service never makes tables by surprise.
const config = readConfig(PREFIX, GatewayConfig, process.env);
const applied = await migrateDatabase({
  url: readSecretFile(config.postgresUrlFile),
  schema: 'gateway',
  entities: [],
  migrations: MIGRATIONS,
});
process.stdout.write(`${JSON.stringify({ name: 'gateway', migrations: applied })}\n`);
