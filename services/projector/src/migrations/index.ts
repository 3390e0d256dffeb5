import { Views } from './0001-views.ts';

/** In order, forward only. */
export const MIGRATIONS = [{ name: '0001-views', class: Views }];
