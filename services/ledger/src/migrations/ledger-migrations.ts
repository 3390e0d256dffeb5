import type { MigrationObject } from '@mikro-orm/core';
import { ChainCommits } from './chain-commits.ts';
import { AddPartition } from './add-partition.ts';
import { CreateCosignature } from './create-cosignature.ts';
import { CreateLog } from './create-log.ts';

/** Oldest first. A name that has run anywhere never changes. */
export const LEDGER_MIGRATIONS: readonly MigrationObject[] = [
  { name: '20261123-create-log', class: CreateLog },
  { name: '20261124-chain-commits', class: ChainCommits },
  { name: '20261124-add-partition', class: AddPartition },
  { name: '20261124-create-cosignature', class: CreateCosignature },
];
