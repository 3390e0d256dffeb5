import { parseInstant } from '@logline/contracts';
import { query, type PoolClient } from '@logline/postgres';
import type { SubjectView } from '../domain/subject.ts';
import type { TenantView } from '../domain/tenant.ts';

/** Stores the views of the subjects that a run of facts has changed; a tenant's keys and tokens also in tables of their own. */
export async function saveSubjects(
  client: PoolClient,
  tenant: string,
  subjects: readonly SubjectView[],
): Promise<void> {
  await query(
    client,
    `insert into subject_state (tenant, subject, head, idx, state)
     select $1, * from unnest($2::text[], $3::text[], $4::bigint[], $5::jsonb[])
     on conflict (tenant, subject) do update set head = excluded.head, idx = excluded.idx, state = excluded.state`,
    [
      tenant,
      subjects.map(({ subject }) => subject),
      subjects.map(({ head }) => head),
      subjects.map(({ index }) => index),
      subjects.map(({ state }) => JSON.stringify(state)),
    ],
  );
  for (const { state } of subjects)
    if (state.kind === 'tenant') await saveRegistry(client, tenant, state.view);
}

async function saveRegistry(
  client: PoolClient,
  tenant: string,
  { keys, api_keys }: TenantView,
): Promise<void> {
  await query(
    client,
    `insert into signing_key (tenant, kid, pub, role, scopes, exp_ms, status)
     select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bigint[], $7::text[])
     on conflict (tenant, kid) do update set status = excluded.status`,
    [
      tenant,
      keys.map(({ kid }) => kid),
      keys.map(({ pub }) => pub),
      keys.map(({ role }) => role),
      keys.map(({ scopes }) => JSON.stringify(scopes)),
      keys.map(({ exp }) => expiryMs(exp)),
      keys.map(({ status }) => status),
    ],
  );
  await query(
    client,
    `insert into api_token (tenant, token_id, hash, scopes, exp_ms, status)
     select $1, * from unnest($2::text[], $3::text[], $4::jsonb[], $5::bigint[], $6::text[])
     on conflict (tenant, token_id) do update set status = excluded.status`,
    [
      tenant,
      api_keys.map(({ token_id }) => token_id),
      api_keys.map(({ hash }) => hash),
      api_keys.map(({ scopes }) => JSON.stringify(scopes)),
      api_keys.map(({ exp }) => expiryMs(exp)),
      api_keys.map(({ status }) => status),
    ],
  );
}

function expiryMs(exp: string | undefined): number | null {
  return exp === undefined ? null : parseInstant(exp);
}
