import { Views } from './0001-views.ts';
import { PublishedLogs } from './0002-published-logs.ts';
import { Cosigned } from './0002-cosigned.ts';

/** In order, forward only. */
export const MIGRATIONS = [
  { name: '0001-views', class: Views },
  { name: '0002-published-logs', class: PublishedLogs },
  { name: '0002-cosigned', class: Cosigned },
];
