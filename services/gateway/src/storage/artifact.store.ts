import { query, type Pool } from '@logline/postgres';

/**
 * Stores ciphertext by tenant and hash. Create-only and idempotent: the hash is the name, so there is nothing to change.
 * False when the tenant has no room left for it. Uploads at once may each see the room that is left, so the quota is no sharp edge.
 */
export async function storeArtifact(
  pool: Pool,
  tenant: string,
  hash: string,
  bytes: Uint8Array,
  quotaBytes: number,
): Promise<boolean> {
  const [row] = await query<{ is_there: boolean }>(
    pool,
    `with stored as (
       insert into artifact (tenant, hash, bytes) select $1, $2, $3
       where (select coalesce(sum(octet_length(bytes)), 0) from artifact where tenant = $1) + octet_length($3::bytea) <= $4
       on conflict do nothing returning 1)
     select exists (select from stored) or exists (select from artifact where tenant = $1 and hash = $2) as is_there`,
    [tenant, hash, bytes, quotaBytes],
  );
  return row?.is_there === true;
}

/** The ciphertext with this hash; null when the tenant has none. */
export async function findArtifact(pool: Pool, tenant: string, hash: string): Promise<Buffer | null> {
  const [row] = await query<{ bytes: Buffer }>(
    pool,
    'select bytes from artifact where tenant = $1 and hash = $2',
    [tenant, hash],
  );
  return row?.bytes ?? null;
}
