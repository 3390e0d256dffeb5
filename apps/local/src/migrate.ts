import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { superviseProcess } from '@logline/engines';
import { LocalError } from './errors.ts';
import { toMigration, type ServiceSpec, type Surroundings } from './services.ts';

/** Makes the tables of the services that have any. Left out when the very same migrations were run against this database before. */
export async function migrate(specs: readonly ServiceSpec[], around: Surroundings): Promise<void> {
  const owners = specs.filter(({ role }) => role !== undefined);
  const stamp = join(around.layout.postgres, 'migrated');
  const wanted = await digestOf(owners, around.layout.root);
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return;
  await Promise.all(
    owners.map(async (spec) => {
      const migration = await superviseProcess(toMigration(spec, around));
      const { code } = await migration.exited;
      if (code !== 0) {
        throw new LocalError(
          'MIGRATION_FAILED',
          `${spec.name} could not make its tables:\n${migration.readLogTail()}`,
        );
      }
    }),
  );
  await writeFile(stamp, wanted);
}

async function digestOf(specs: readonly ServiceSpec[], root: string): Promise<string> {
  const hash = createHash('sha256');
  for (const { dir } of specs) {
    const folder = join(root, dir, 'dist', 'migrations');
    for (const file of (await readdir(folder).catch(() => []))
      .filter((name) => name.endsWith('.js'))
      .toSorted()) {
      hash.update(`${dir}/${file}\n`).update(await readFile(join(folder, file)));
    }
  }
  return hash.digest('hex');
}
