import { EngineError } from '../errors.ts';

/** What a NATS user may do on one side. An empty `allow` is written as it is and allows nothing. */
export type NatsSubjects = { readonly allow?: readonly string[]; readonly deny?: readonly string[] };

export type NatsUser = {
  readonly user: string;
  readonly password: string;
  /** Left out: everything. A side left out: everything on that side. */
  readonly permissions?: {
    readonly publish?: NatsSubjects;
    readonly subscribe?: NatsSubjects;
    /** Lets the user answer a request on its reply subject although `publish` does not name it. */
    readonly allowResponses?: boolean;
  };
};

export type NatsConfigOptions = {
  readonly users: readonly NatsUser[];
  readonly port: number;
  readonly storeDir: string;
  /** fsync before each acknowledgement, instead of every two minutes. */
  readonly syncAlways?: boolean;
  /** A monitoring port on 127.0.0.1. Default: none. */
  readonly monitorPort?: number;
  readonly serverName?: string;
};

/** Envelopes are at most 512 KiB; the rest is for what streams add and for requests that carry artifacts. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

/**
 * The configuration file of one nats-server with JetStream that listens on 127.0.0.1 only. Pure; any text is safe in
 * any place.
 *
 * @throws EngineError `INVALID_OPTION` if there is no user, a user has no name or password, a name comes twice, or a
 * subject is empty or has white space
 */
export function toNatsConfig(options: NatsConfigOptions): string {
  checkUsers(options.users);
  const lines = [
    'host: "127.0.0.1"',
    `port: ${toPort(options.port)}`,
    `server_name: ${quote(options.serverName ?? 'logline-local')}`,
    ...(options.monitorPort === undefined
      ? []
      : [`http: ${quote(`127.0.0.1:${toPort(options.monitorPort)}`)}`]),
    `max_payload: ${MAX_PAYLOAD_BYTES}`,
    'jetstream {',
    `  store_dir: ${quote(options.storeDir)}`,
    `  sync_interval: ${options.syncAlways === true ? 'always' : '"2m"'}`,
    '}',
    'authorization {',
    '  users: [',
    ...options.users.map((user) => `    ${toUser(user)}`),
    '  ]',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function toUser({ user, password, permissions }: NatsUser): string {
  const parts = [`user: ${quote(user)}`, `password: ${quote(password)}`];
  if (permissions !== undefined) {
    const { publish, subscribe, allowResponses } = permissions;
    const sides = [
      ...(publish === undefined ? [] : [`publish: ${toSubjects(publish)}`]),
      ...(subscribe === undefined ? [] : [`subscribe: ${toSubjects(subscribe)}`]),
      ...(allowResponses === true ? ['allow_responses: true'] : []),
    ];
    parts.push(`permissions: { ${sides.join(', ')} }`);
  }
  return `{ ${parts.join(', ')} }`;
}

function toSubjects({ allow, deny }: NatsSubjects): string {
  // an empty list means "no rule" to the server, which would be everything: deny it all instead
  if (allow !== undefined && allow.length === 0) return '{ deny: [">"] }';
  const parts = [
    ...(allow === undefined ? [] : [`allow: [${allow.map(quoteSubject).join(', ')}]`]),
    ...(deny === undefined || deny.length === 0 ? [] : [`deny: [${deny.map(quoteSubject).join(', ')}]`]),
  ];
  return `{ ${parts.join(', ')} }`;
}

function quoteSubject(subject: string): string {
  if (subject === '' || /\s/.test(subject)) {
    throw new EngineError('INVALID_OPTION', `no subject for a NATS permission: ${JSON.stringify(subject)}`);
  }
  return quote(subject);
}

function checkUsers(users: readonly NatsUser[]): void {
  if (users.length === 0)
    throw new EngineError('INVALID_OPTION', 'a nats-server without users would let everybody in');
  const names = new Set<string>();
  for (const { user, password } of users) {
    if (user === '' || password === '')
      throw new EngineError('INVALID_OPTION', 'a NATS user needs a name and a password');
    if (names.has(user))
      throw new EngineError('INVALID_OPTION', `the NATS user ${JSON.stringify(user)} is named twice`);
    names.add(user);
  }
}

function toPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new EngineError('INVALID_OPTION', `no port for a nats-server: ${String(port)}`);
  }
  return port;
}

/** A double-quoted string of the server's own language: `\\ \" \n \r \t` and `\xHH` are all the escapes it knows. */
function quote(text: string): string {
  return `"${Array.from(text, escape).join('')}"`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function escape(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 0x20 || code === 0x7f) return ESCAPES[char] ?? `\\x${code.toString(16).padStart(2, '0')}`;
  return ESCAPES[char] ?? char;
}
