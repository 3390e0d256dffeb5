import type { Command } from 'commander';
import type { ContextMaker } from '../command.ts';
import { addApply } from './minicontainer/apply.ts';
import { addInit } from './minicontainer/init.ts';
import { addPack } from './minicontainer/pack.ts';
import { addSign } from './minicontainer/sign.ts';
import { addUnpack } from './minicontainer/unpack.ts';
import { addVerify } from './minicontainer/verify.ts';

export function register(group: Command, makeContext: ContextMaker): void {
  for (const add of [addInit, addVerify, addSign, addPack, addUnpack, addApply]) add(group, makeContext);
}
