import pg from 'pg';
import { toPostgresError } from './errors.ts';

export type ListenOptions = {
  /** The first connection stands, or a lost one is back: notifications may have been missed before this. */
  readonly onConnected?: () => void;
  /** How often a quiet connection is tried; 10 s. */
  readonly checkEveryMs?: number;
};

export type Listening = { isHealthy(): boolean; close(): Promise<void> };

/**
 * Calls back for every NOTIFY on a channel, over a connection of its own that comes back by itself. A notification is only a wake-up call: what
 * is sent while the connection is away is lost.
 * @throws PostgresError when the first connection fails
 */
export async function listen(
  url: string,
  channel: string,
  onNotify: (payload: string) => void,
  options: ListenOptions = {},
): Promise<Listening> {
  const { onConnected, checkEveryMs = 10_000 } = options;
  let client: pg.Client | undefined;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  const open = async (): Promise<void> => {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: `listen ${channel}`,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    const lost = (): void => {
      if (client !== fresh) return;
      client = undefined;
      void fresh.end().catch(() => undefined);
      retry(100);
    };
    fresh.on('error', lost);
    fresh.on('end', lost);
    fresh.on('notification', ({ payload }) => onNotify(payload ?? ''));
    try {
      await fresh.connect();
      await fresh.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      void fresh.end().catch(() => undefined);
      throw toPostgresError(error);
    }
    client = fresh;
    onConnected?.();
    check(fresh, lost);
  };
  // a connection whose other end is gone without a word would listen for ever
  const check = (of: pg.Client, lost: () => void): void => {
    timer = setTimeout(() => {
      if (client !== of) return;
      void Promise.race([
        of.query('SELECT 1'),
        new Promise((_, reject) => setTimeout(reject, 5_000, new Error('no answer'))),
      ]).then(() => check(of, lost), lost);
    }, checkEveryMs);
  };
  const retry = (delayMs: number): void => {
    if (isClosed) return;
    timer = setTimeout(() => void open().catch(() => retry(Math.min(2_000, delayMs * 2))), delayMs);
  };

  await open();
  return {
    isHealthy: () => client !== undefined,
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      const last = client;
      client = undefined;
      await last?.end().catch(() => undefined);
    },
  };
}
