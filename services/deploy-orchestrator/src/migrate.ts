import { migrateDatabase } from '@logline/postgres';
import { readConfig, readSecretFile } from '@logline/service';
import { OrchestratorConfig, PREFIX } from './config.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { ENTITIES } from './storage/entities.ts';

// Run before the service starts, with the same environment. A service never makes tables by surprise.
const config = readConfig(PREFIX, OrchestratorConfig, process.env);
const applied = await migrateDatabase({
  url: readSecretFile(config.postgresUrlFile),
  schema: 'orchestrator',
  entities: ENTITIES,
  migrations: MIGRATIONS,
});
process.stdout.write(`${JSON.stringify({ name: 'deploy-orchestrator', migrations: applied })}\n`);
