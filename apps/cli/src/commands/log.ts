import type { Command } from 'commander';
import type { ContextMaker } from '../command.ts';
import { addAdopt } from './log/adopt.ts';
import { addCheckpoint } from './log/checkpoint.ts';
import { addExport } from './log/export.ts';
import { addFsck } from './log/fsck.ts';
import { addGet } from './log/get.ts';
import { addKeys } from './log/keys.ts';
import { addProve } from './log/prove.ts';
import { addPublish } from './log/publish.ts';
import { addTail } from './log/tail.ts';

export function register(group: Command, makeContext: ContextMaker): void {
  for (const add of [
    addTail,
    addGet,
    addProve,
    addCheckpoint,
    addKeys,
    addExport,
    addFsck,
    addPublish,
    addAdopt,
  ])
    add(group, makeContext);
}
