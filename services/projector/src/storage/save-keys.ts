import { query, type PoolClient } from '@logline/postgres';
import type { RegistryChange } from '../domain/batch.ts';
import { expiryMs } from '../domain/tenant.ts';

const SQL = {
  name: 'save-keys',
  text: `
insert into signing_key (tenant, kid, pub, role, scopes, exp_ms, status)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bigint[], $7::text[])
on conflict (tenant, kid) do update
  set pub = excluded.pub, role = excluded.role, scopes = excluded.scopes, exp_ms = excluded.exp_ms, status = excluded.status`,
};

/** Signing keys as their registry facts left them: what a request's signature is looked up by. */
export async function saveKeys(client: PoolClient, changes: readonly RegistryChange[]): Promise<void> {
  const rows = changes.flatMap(({ tenant, keys }) => keys.map((key) => ({ tenant, ...key })));
  if (rows.length === 0) return;
  await query(client, SQL, [
    rows.map(({ tenant }) => tenant),
    rows.map(({ kid }) => kid),
    rows.map(({ pub }) => pub),
    rows.map(({ role }) => role),
    rows.map(({ scopes }) => JSON.stringify(scopes)),
    rows.map(({ exp }) => expiryMs(exp)),
    rows.map(({ status }) => status),
  ]);
}
