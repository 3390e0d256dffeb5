import pg from 'pg';
import { toPostgresError } from './errors.ts';

export type RoleSpec = {
  readonly role: string;
  /** Owned by the role, unless it only uses it; and its whole `search_path`. */
  readonly schema: string;
  readonly password: string;
  /** The schema and all in it are another role's, earlier in the list: this one may do what that one grants, and grant itself nothing. */
  readonly uses?: true;
  /** Schemas of other roles whose tables, present and future, this one may select from (the gateway: `views`). */
  readonly reads?: readonly string[];
};

export type ProvisionOptions = { readonly database: string; readonly roles: readonly RoleSpec[] };

/**
 * The roles of an installation: one schema each, and the gateway reads the views. The ledger's tables are not the
 * ledger's own: whoever owns a table can take back every refusal.
 */
export const ROLES: readonly Omit<RoleSpec, 'password'>[] = [
  { role: 'ledger_owner', schema: 'ledger' },
  { role: 'ledger', schema: 'ledger', uses: true },
  { role: 'orchestrator', schema: 'orchestrator' },
  { role: 'views', schema: 'views' },
  { role: 'gateway', schema: 'gateway', reads: ['views'] },
];

/**
 * Database, roles and schemas stand, and the URL of each role is returned by its name. Idempotent; passwords are set to what is given. Tables are
 * made by each service's own migrations.
 * @throws PostgresError
 */
export async function provision(
  adminUrl: string,
  { database, roles }: ProvisionOptions,
): Promise<Readonly<Record<string, string>>> {
  try {
    await withClient(adminUrl, async (admin) => {
      // roles belong to the whole server, and two at once would change the same rows of its catalogue
      await admin.query('SELECT pg_advisory_lock($1)', [PROVISION_LOCK]);
      await createDatabase(admin, database);
      await withClient(urlOf(adminUrl, { database }), async (client) => {
        await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
        for (const role of roles) await createRole(client, database, role, ownerOf(role.schema, roles));
        // all schemas first: a role may read one that stands later in the list
        for (const { role, reads = [] } of roles) {
          for (const schema of reads) await allowReading(client, role, schema, ownerOf(schema, roles));
        }
      });
    });
  } catch (error) {
    throw toPostgresError(error);
  }
  return Object.fromEntries(
    roles.map(({ role, password }) => [role, urlOf(adminUrl, { database, user: role, password })]),
  );
}

const PROVISION_LOCK = 0x4c4c_0001;

async function createDatabase(client: pg.Client, database: string): Promise<void> {
  const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
  if (found.rowCount !== 0) return;
  await client
    .query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`)
    .catch(ignoreStates('42P04', '23505'));
  await client.query(`REVOKE ALL ON DATABASE ${pg.escapeIdentifier(database)} FROM PUBLIC`);
}

async function createRole(
  client: pg.Client,
  database: string,
  { role, schema, password, uses }: RoleSpec,
  owner: string,
): Promise<void> {
  const [name, room] = [pg.escapeIdentifier(role), pg.escapeIdentifier(schema)];
  await client.query(`CREATE ROLE ${name} LOGIN`).catch(ignoreStates('42710', '23505'));
  await client.query(`ALTER ROLE ${name} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
  await client.query(
    `ALTER ROLE ${name} IN DATABASE ${pg.escapeIdentifier(database)} SET search_path = ${room}`,
  );
  await client.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${pg.escapeIdentifier(database)} TO ${name}`);
  await joinUnlessSuperuser(client, name);
  if (uses) {
    // an older installation's role owned them itself
    await client.query(`REASSIGN OWNED BY ${name} TO ${pg.escapeIdentifier(owner)}`);
    await client.query(`GRANT USAGE ON SCHEMA ${room} TO ${name}`);
  } else {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${room} AUTHORIZATION ${name}`);
  }
}

/** On a managed server the administrator is no superuser, and must be a member to act for a role. */
async function joinUnlessSuperuser(client: pg.Client, name: string): Promise<void> {
  const { rows } = await client.query<{ rolsuper: boolean }>(
    'SELECT rolsuper FROM pg_roles WHERE rolname = current_user',
  );
  if (rows[0]?.rolsuper !== true) await client.query(`GRANT ${name} TO CURRENT_USER`);
}

async function allowReading(client: pg.Client, role: string, schema: string, owner: string): Promise<void> {
  const [reader, from] = [pg.escapeIdentifier(role), pg.escapeIdentifier(schema)];
  await client.query(`GRANT USAGE ON SCHEMA ${from} TO ${reader}`);
  await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${from} TO ${reader}`);
  await client.query(
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${pg.escapeIdentifier(owner)} IN SCHEMA ${from} GRANT SELECT ON TABLES TO ${reader}`,
  );
}

function ownerOf(schema: string, roles: readonly RoleSpec[]): string {
  return roles.find((one) => one.schema === schema && one.uses === undefined)?.role ?? schema;
}

/** The same server, with another database, user or password. */
function urlOf(
  adminUrl: string,
  change: { readonly database: string; readonly user?: string; readonly password?: string },
): string {
  const url = new URL(adminUrl);
  url.pathname = `/${encodeURIComponent(change.database)}`;
  if (change.user !== undefined) url.username = encodeURIComponent(change.user);
  if (change.password !== undefined) url.password = encodeURIComponent(change.password);
  return url.toString();
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'provision',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function ignoreStates(...states: readonly string[]): (error: unknown) => void {
  return (error) => {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (typeof code !== 'string' || !states.includes(code)) throw error;
  };
}
