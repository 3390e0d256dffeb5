import { runMigrationsMain } from '@logline/postgres';
import { PREFIX } from './config.ts';
import { MIGRATIONS } from './migrations/index.ts';

await runMigrationsMain({ prefix: PREFIX, schema: 'gateway', migrations: MIGRATIONS, entities: [] });
