import { Artifacts } from './0001-artifacts.ts';

/** In order, forward only. */
export const MIGRATIONS = [{ name: '0001-artifacts', class: Artifacts }];
