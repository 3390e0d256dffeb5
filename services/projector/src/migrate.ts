import { migrateDatabase } from '@logline/postgres';
import { readConfig, readSecretFile } from '@logline/service';
import { PREFIX, ProjectorConfig } from './config.ts';
import { MIGRATIONS } from './migrations/index.ts';

// Run before the service starts, with the same environment. A service never makes tables by surprise.
const config = readConfig(PREFIX, ProjectorConfig, process.env);
const applied = await migrateDatabase({
  url: readSecretFile(config.postgresUrlFile),
  schema: 'views',
  entities: [],
  migrations: MIGRATIONS,
});
process.stdout.write(`${JSON.stringify({ name: 'projector', migrations: applied })}\n`);
