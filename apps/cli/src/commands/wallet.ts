import type { Command } from 'commander';
import type { ContextMaker } from '../command.ts';
import { addGrant } from './wallet/grant.ts';
import { addInit } from './wallet/init.ts';
import { addProve } from './wallet/prove.ts';
import { addRevoke } from './wallet/revoke.ts';
import { addSeal } from './wallet/seal.ts';
import { addShow } from './wallet/show.ts';

export function register(group: Command, makeContext: ContextMaker): void {
  for (const add of [addInit, addShow, addSeal, addGrant, addRevoke, addProve]) add(group, makeContext);
}
