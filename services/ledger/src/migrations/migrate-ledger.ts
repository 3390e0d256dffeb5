import { migrateDatabase } from '@logline/postgres';
import { grantToService } from './grant-to-service.ts';
import { LEDGER_MIGRATIONS } from './ledger-migrations.ts';

export type MigrateOptions = {
  /** Of the role that owns the tables; the service never has it. */
  readonly ownerUrl: string;
  /** Of the role that the service is. */
  readonly serviceUrl: string;
};

/** The ledger's tables stand, and the service may do to them what it must. The names of what ran now. @throws PostgresError */
export async function migrateLedger({ ownerUrl, serviceUrl }: MigrateOptions): Promise<readonly string[]> {
  const applied = await migrateDatabase({
    url: ownerUrl,
    schema: 'ledger',
    entities: [],
    migrations: LEDGER_MIGRATIONS,
  });
  await grantToService(ownerUrl, decodeURIComponent(new URL(serviceUrl).username));
  return applied;
}
