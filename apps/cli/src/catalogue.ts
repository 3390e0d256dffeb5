import type { Command } from 'commander';
import type { ContextMaker } from './command.ts';

/** Fills a command that so far has only its name: its own action, or its sub-commands. */
export type CommandModule = { readonly register: (command: Command, makeContext: ContextMaker) => void };

type Entry = { readonly name: string; readonly summary: string; readonly load: () => Promise<CommandModule> };

/** Every command, with the code behind it loaded only when it is the one that was asked for. */
export const CATALOGUE: readonly Entry[] = [
  {
    name: 'login',
    summary: 'store an address, a tenant and its API token',
    load: () => import('./commands/login.ts'),
  },
  {
    name: 'doctor',
    summary: 'check address, clock, token, wallet, log key and engine',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'explain',
    summary: 'what a code means, and what mends it',
    load: () => import('./commands/explain.ts'),
  },
  { name: 'api', summary: 'send one signed request to the gateway', load: () => import('./commands/api.ts') },
  {
    name: 'tenant',
    summary: 'create tenants, change their log key (operator)',
    load: () => import('./commands/tenant.ts'),
  },
  { name: 'key', summary: 'signing keys of the tenant', load: () => import('./commands/key.ts') },
  { name: 'apikey', summary: 'API tokens of the tenant', load: () => import('./commands/apikey.ts') },
  { name: 'runner', summary: 'runners of the tenant', load: () => import('./commands/runner.ts') },
  {
    name: 'wallet',
    summary: 'keys, sealed secrets, grants and proofs',
    load: () => import('./commands/wallet.ts'),
  },
  {
    name: 'minicontainer',
    summary: 'write, verify, sign, pack and apply manifests',
    load: () => import('./commands/minicontainer.ts'),
  },
  { name: 'deploy', summary: 'run and stop what was applied', load: () => import('./commands/deploy.ts') },
  { name: 'status', summary: 'the state of one container', load: () => import('./commands/status.ts') },
  { name: 'query', summary: 'facts about one subject', load: () => import('./commands/query.ts') },
  {
    name: 'log',
    summary: 'read, prove, copy and check a whole log',
    load: () => import('./commands/log.ts'),
  },
  { name: 'receipt', summary: 'verify receipts offline', load: () => import('./commands/receipt.ts') },
  {
    name: 'ledger',
    summary: 'check, export, import, republish and move the logs, list their keys (operator)',
    load: () => import('./commands/ledger.ts'),
  },
  {
    name: 'witness',
    summary: 'watch the logs of others: cosign that they only grow',
    load: () => import('./commands/witness.ts'),
  },
];
