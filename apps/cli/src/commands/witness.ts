import type { Command } from 'commander';
import type { ContextMaker } from '../command.ts';
import { addInit } from './witness/init.ts';
import { addRun } from './witness/run.ts';
import { addShow } from './witness/show.ts';

export function register(group: Command, makeContext: ContextMaker): void {
  for (const add of [addInit, addRun, addShow]) add(group, makeContext);
}
