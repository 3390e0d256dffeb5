import { query, type Pool } from '@logline/postgres';

/** Ciphertext by tenant and hash. Create-only: the hash is the name, so there is nothing to change. */
export async function storeArtifact(
  pool: Pool,
  tenant: string,
  hash: string,
  bytes: Uint8Array,
): Promise<void> {
  await query(pool, 'insert into artifact (tenant, hash, bytes) values ($1, $2, $3) on conflict do nothing', [
    tenant,
    hash,
    Buffer.from(bytes),
  ]);
}

export async function findArtifact(pool: Pool, tenant: string, hash: string): Promise<Uint8Array | null> {
  const [row] = await query<{ bytes: Uint8Array }>(
    pool,
    'select bytes from artifact where tenant = $1 and hash = $2',
    [tenant, hash],
  );
  return row?.bytes ?? null;
}
