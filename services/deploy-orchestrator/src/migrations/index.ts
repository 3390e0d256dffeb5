import { OpenDeploys } from './0001-open-deploys.ts';

/** In order, forward only. */
export const MIGRATIONS = [{ name: '0001-open-deploys', class: OpenDeploys }];
