import { runMigrationsMain } from '@logline/postgres';
import { PREFIX } from './config.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { ENTITIES } from './storage/entities.ts';

await runMigrationsMain({
  prefix: PREFIX,
  schema: 'orchestrator',
  migrations: MIGRATIONS,
  entities: ENTITIES,
});
