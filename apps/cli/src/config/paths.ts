import { join } from 'node:path';
import type { Io } from '../io.ts';

type World = Pick<Io, 'env' | 'home'>;

/** Profiles. LOGLINE_CONFIG_DIR, else XDG. */
export function configDir({ env, home }: World): string {
  return env['LOGLINE_CONFIG_DIR'] ?? join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'logline');
}

/** What commands remember of each other: last applies, receipts, checkpoints. LOGLINE_STATE_DIR, else XDG. */
export function stateDir({ env, home }: World): string {
  return env['LOGLINE_STATE_DIR'] ?? join(env['XDG_STATE_HOME'] ?? join(home, '.local', 'state'), 'logline');
}

/** The wallet when nothing else names one. */
export function defaultWalletPath({ env, home }: World): string {
  return join(env['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'logline', 'wallet.json');
}
