import { EngineError } from '../errors.ts';

/** Durable, local, quiet, and the same on every machine. What a caller sets wins, but for the addresses. */
const DEFAULTS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_compression: 'on',
  shared_buffers: '128MB',
  max_connections: '100',
  jit: 'off',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  password_encryption: 'scram-sha-256',
};

/**
 * The arguments of `postgres` for one data directory: TCP on 127.0.0.1 only, no socket in the file system. Pure.
 *
 * @throws EngineError `INVALID_OPTION` if the name of a setting is none
 */
export function toPostgresArgs({
  dataDir,
  port,
  settings = {},
}: {
  readonly dataDir: string;
  readonly port: number;
  readonly settings?: Readonly<Record<string, string>>;
}): readonly string[] {
  const all = { ...DEFAULTS, ...settings, listen_addresses: '127.0.0.1', unix_socket_directories: '' };
  const pairs = Object.entries(all).flatMap(([name, value]) => {
    if (!/^[a-z_]+(\.[a-z_]+)?$/.test(name) || value.includes('\0')) {
      throw new EngineError('INVALID_OPTION', `no setting of PostgreSQL: ${JSON.stringify(name)}`);
    }
    return ['-c', `${name}=${value}`];
  });
  return ['-D', dataDir, '-p', String(port), ...pairs];
}

/** The URL of a database of this server; user, password and name may hold anything. */
export function toPostgresUrl({
  user,
  password,
  port,
  database = 'postgres',
}: {
  readonly user: string;
  readonly password: string;
  readonly port: number;
  readonly database?: string;
}): string {
  const [name, secret, db] = [user, password, database].map(encodeURIComponent);
  return `postgres://${name}:${secret}@127.0.0.1:${port}/${db}`;
}
