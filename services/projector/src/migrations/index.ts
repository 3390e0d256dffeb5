import { Views } from './0001-views.ts';
import { PublishedLogs } from './0002-published-logs.ts';

/** In order, forward only. */
export const MIGRATIONS = [
  { name: '0001-views', class: Views },
  { name: '0002-published-logs', class: PublishedLogs },
];
