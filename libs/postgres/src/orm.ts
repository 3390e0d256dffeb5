import type { AnyEntity, EntityName, EntitySchema, MigrationObject, MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { toPostgresError } from './errors.ts';

export type OrmOptions = {
  readonly url: string;
  /** The role's own schema. */
  readonly schema: string;
  /** By `defineEntity`. */
  readonly entities: readonly (EntitySchema | EntityName<AnyEntity>)[];
  /** Oldest first, forward only; compiled classes, so that nothing is searched for on disk. */
  readonly migrations: readonly MigrationObject[];
  /** Connections at most; 8. */
  readonly max?: number;
};

/** The ORM of one service: entities and units of work on its own schema. Connects lazily. @throws PostgresError */
export async function createOrm({
  url,
  schema,
  entities,
  migrations,
  max = 8,
}: OrmOptions): Promise<MikroORM> {
  // half a second of loading, which whoever only writes SQL does not pay
  const [{ MikroORM: Orm }, { Migrator }] = await Promise.all([
    import('@mikro-orm/postgresql'),
    import('@mikro-orm/migrations'),
  ]);
  try {
    return await Orm.init({
      clientUrl: url,
      schema,
      entities: [...entities],
      extensions: [Migrator],
      discovery: { warnWhenNoEntities: false },
      pool: { min: 0, max },
      migrations: {
        tableName: 'migration',
        migrationsList: [...migrations],
        snapshot: false,
        transactional: true,
        allOrNothing: true,
        silent: true,
      },
      // names in TypeScript are camelCase, in SQL snake_case: MikroORM's default strategy
      ignoreUndefinedInQuery: false,
    });
  } catch (error) {
    throw toPostgresError(error);
  }
}

/** Two processes that migrate at once take turns. */
const MIGRATION_LOCK = 0x4c4c; // 'LL'

/** All migrations have run; gives the names of those that ran now. Idempotent. @throws PostgresError */
export async function runMigrations(orm: MikroORM): Promise<readonly string[]> {
  const url = orm.config.get('clientUrl');
  const lock = new pg.Client({ connectionString: url, application_name: 'migrate' });
  lock.on('error', () => undefined);
  try {
    await lock.connect();
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return (await orm.migrator.up()).map(({ name }) => name);
  } catch (error) {
    throw toPostgresError(error);
  } finally {
    await lock.end().catch(() => undefined);
  }
}

/** The body of a service's `migrate.ts`. @throws PostgresError */
export async function migrateDatabase(options: OrmOptions): Promise<readonly string[]> {
  const orm = await createOrm(options);
  try {
    return await runMigrations(orm);
  } finally {
    await orm.close();
  }
}
