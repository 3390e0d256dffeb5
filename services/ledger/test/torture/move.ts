import { eventually } from '@logline/testing';
import { join } from 'node:path';
import { LEDGER_DIR } from '../ledger-process.ts';
import { Violation } from './claims.ts';
import type { FaultGround } from './faults.ts';
import { hear } from './ledger-pair.ts';
import type { Order } from './orders.ts';
import { TorturedProcess } from './tortured-process.ts';

/** Longer than a move itself tries. */
const HANGS_AFTER_MS = 75_000;
const BORN_WITHIN_MS = 3_000;

/**
 * `maintain move` of a tenant to the other partition, once it is born, as an operator runs it in the middle of everything. Whether it was done: it may give up, be hit at a
 * step where it was ordered to, or find no log of the tenant. @throws Violation when it hangs
 */
export async function moveAway(
  tenant: string,
  afterMs: number,
  { world, tell, ears }: Pick<FaultGround, 'world' | 'tell' | 'ears'>,
  order?: Order,
): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  const from = await eventually(() => homeOf(tenant, world), { withinMs: BORN_WITHIN_MS }).catch(
    () => undefined,
  );
  if (from === undefined) return false;
  tell(`${tenant} is to move away from partition ${from}`);
  const mover = new TorturedProcess(
    [join(LEDGER_DIR, 'dist', 'maintain.js'), 'move', tenant, String(1 - from)],
    { ...world.env, TORTURE_PREFIX: 'move ' },
    { onReport: (report, process) => hear(ears, report, process), onExit: () => undefined },
  );
  if (order !== undefined) mover.order(order);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), HANGS_AFTER_MS);
  });
  const outcome = await Promise.race([mover.exited, late]);
  clearTimeout(timer);
  const said = mover.lines.map(({ msg }) => msg).join(' ');
  tell(`the move of ${tenant}: ${outcome ?? 'killed'} ${said}`);
  if (outcome !== 'late') return outcome === 0;
  await mover.kill();
  throw new Violation(`the move of ${tenant} hangs`);
}

async function homeOf(tenant: string, { ask }: FaultGround['world']): Promise<number> {
  const [log] = await ask<{ partition: number }>('SELECT partition FROM log WHERE tenant = $1', [tenant]);
  if (log === undefined) throw new Error(`${tenant} is not born`);
  return log.partition;
}
