import type { EntityManager } from '@mikro-orm/postgresql';
import type { Blueprint } from './deploy.store.ts';

/** A ref names the hash of its manifest, so one that is there already is the same. */
const SQL = `
INSERT INTO blueprint (tenant, ref, deploy)
SELECT ?, q.ref, q.deploy FROM jsonb_to_recordset(?::jsonb) AS q(ref text, deploy jsonb)
ON CONFLICT (tenant, ref) DO NOTHING`;

/** In one statement, however many: a fleet applies a release to many containers at once. In the transaction of `em`. */
export async function saveBlueprints(
  em: EntityManager,
  tenant: string,
  blueprints: readonly Blueprint[],
): Promise<void> {
  await em
    .getConnection()
    .execute(SQL, [tenant, JSON.stringify(blueprints)], 'run', em.getTransactionContext());
}
