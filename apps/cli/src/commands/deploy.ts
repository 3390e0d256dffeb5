import type { Command } from 'commander';
import type { ContextMaker } from '../command.ts';
import { addList } from './deploy/list.ts';
import { addPlan } from './deploy/plan.ts';
import { addStop } from './deploy/stop.ts';
import { addUp } from './deploy/up.ts';

export function register(group: Command, makeContext: ContextMaker): void {
  for (const add of [addUp, addPlan, addStop, addList]) add(group, makeContext);
}
