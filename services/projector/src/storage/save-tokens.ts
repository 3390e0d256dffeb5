import { query, type PoolClient } from '@logline/postgres';
import type { RegistryChange } from '../domain/batch.ts';
import { expiryMs } from '../domain/tenant.ts';

/** A token is found by its hash alone, so a hash belongs to whoever had it first: a second tenant's claim to it is not entered. */
const SQL = {
  name: 'save-tokens',
  text: `
insert into api_token (tenant, token_id, hash, scopes, exp_ms, status)
select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::bigint[], $6::text[]) as token (tenant, token_id, hash)
where not exists (
  select from api_token other where other.hash = token.hash and (other.tenant, other.token_id) <> (token.tenant, token.token_id))
on conflict (tenant, token_id) do update
  set hash = excluded.hash, scopes = excluded.scopes, exp_ms = excluded.exp_ms, status = excluded.status`,
};

/** API tokens as their registry facts left them. */
export async function saveTokens(client: PoolClient, changes: readonly RegistryChange[]): Promise<void> {
  const seen = new Set<string>();
  const rows = changes
    .flatMap(({ tenant, tokens }) => tokens.map((token) => ({ tenant, ...token })))
    .filter(({ hash }) => !seen.has(hash) && seen.add(hash));
  if (rows.length === 0) return;
  await query(client, SQL, [
    rows.map(({ tenant }) => tenant),
    rows.map(({ token_id }) => token_id),
    rows.map(({ hash }) => hash),
    rows.map(({ scopes }) => JSON.stringify(scopes)),
    rows.map(({ exp }) => expiryMs(exp)),
    rows.map(({ status }) => status),
  ]);
}
