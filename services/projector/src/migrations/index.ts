import { Views } from './0001-views.ts';
import { Cosigned } from './0002-cosigned.ts';

/** In order, forward only. */
export const MIGRATIONS = [
  { name: '0001-views', class: Views },
  { name: '0002-cosigned', class: Cosigned },
];
