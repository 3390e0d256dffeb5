import { openPool, type Pool } from '@logline/postgres';
import type { World } from '@logline/testing';

/** The whole database as it was, as a physical copy; put back in place of the one there is. */
export type Backup = { putBack(): Promise<void> };

/** Whoever is connected is thrown out: PostgreSQL copies and renames only what nobody uses. */
export async function takeBackup(world: World): Promise<Backup> {
  const live = new URL(world.postgresUrl('ledger')).pathname.slice(1);
  const copy = `${live}_copy`;
  await asAdmin(world, async (admin) => {
    await throwOut(admin, live);
    await admin.query(`CREATE DATABASE ${copy} TEMPLATE ${live}`);
  });
  return {
    putBack: () =>
      asAdmin(world, async (admin) => {
        // the names of test databases are ours: letters, digits, underscores
        await admin.query(`DROP DATABASE ${live} WITH (FORCE)`);
        await admin.query(`ALTER DATABASE ${copy} RENAME TO ${live}`);
      }),
  };
}

async function throwOut(admin: Pool, database: string): Promise<void> {
  await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
}

async function asAdmin(world: World, work: (admin: Pool) => Promise<void>): Promise<void> {
  const admin = openPool(world.postgres.adminUrl, { name: 'backup', max: 1 });
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
