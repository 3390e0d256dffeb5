import { parseArgs } from 'node:util';
import { isName } from '@logline/contracts';
import { connectNats } from '@logline/jetstream';
import { openPool } from '@logline/postgres';
import { readSecretFile } from '@logline/service';
import { anchorStore } from '../anchor/anchor.store.ts';
import type { LedgerConfig } from '../config.ts';
import { lastPublishedIn } from '../publish/last-published.ts';
import { onPool } from '../storage/on-pool.ts';
import { moveTenant } from './move-tenant.ts';

const USAGE = 'usage: move <tenant> <partition>';

/** `move <tenant> <partition>`: one JSON line on stdout. 0 when the tenant is there, moved now or before. */
export async function move(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const [tenant = '', text = '', ...more] = parseArgs({
    args: [...args],
    allowPositionals: true,
  }).positionals;
  if (!isName(tenant) || !/^\d{1,3}$/.test(text) || more.length > 0) throw new TypeError(USAGE);
  const to = Number(text);
  if (to >= config.partitions)
    throw new TypeError(`there is no partition ${to}: this installation has ${config.partitions}. ${USAGE}`);
  const pool = openPool(readSecretFile(config.postgresUrlFile), { name: 'ledger move', max: 2 });
  const nc = await connectNats({
    url: config.natsUrl,
    user: config.natsUser,
    password: readSecretFile(config.natsPasswordFile),
    name: 'ledger move',
  });
  try {
    const { from, size } = await moveTenant(tenant, to, {
      pool,
      store: anchorStore(nc),
      lastPublished: lastPublishedIn(nc, onPool(pool)),
    });
    process.stdout.write(`${JSON.stringify({ tenant, from, to, moved: from !== to, size })}\n`);
    return 0;
  } finally {
    await Promise.allSettled([nc.drain(), pool.end()]);
  }
}
