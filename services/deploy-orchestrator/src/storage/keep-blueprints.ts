import { query, type Pool } from '@logline/postgres';
import type { Advance, Blueprint } from './deploy.store.ts';

const ADVANCE = {
  fromTheStart: `INSERT INTO position (tenant, idx) SELECT $1, $3 WHERE $2 < 0 ON CONFLICT (tenant) DO NOTHING RETURNING tenant`,
  fromBefore: `UPDATE position SET idx = $3 WHERE tenant = $1 AND idx = $2 RETURNING tenant`,
};

/** A ref names the hash of its manifest, so one that is there already is the same. */
const toStatement = (name: keyof typeof ADVANCE): { name: string; text: string } => ({
  name: `keep_blueprints_${name}`,
  text: `
WITH moved AS (${ADVANCE[name]}),
     kept AS (INSERT INTO blueprint (tenant, ref, deploy)
              SELECT moved.tenant, q.ref, q.deploy FROM moved, jsonb_to_recordset($4::jsonb) AS q(ref text, deploy jsonb)
              ON CONFLICT (tenant, ref) DO NOTHING)
SELECT tenant FROM moved`,
});
const FROM_THE_START = toStatement('fromTheStart');
const FROM_BEFORE = toStatement('fromBefore');

/**
 * Blueprints and the position they were read up to, in one statement: a fleet applies a release to many containers at once.
 * False when the log was read further by somebody else; then nothing is saved. @throws PostgresError
 */
export async function keepBlueprints(
  pool: Pool,
  tenant: string,
  { from, to }: Advance,
  blueprints: readonly Blueprint[],
): Promise<boolean> {
  const byRef = new Map(blueprints.map((one) => [one.ref, one]));
  const statement = from < 0 ? FROM_THE_START : FROM_BEFORE;
  const rows = await query(pool, statement, [tenant, from, to, JSON.stringify([...byRef.values()])]);
  return rows.length === 1;
}
