import { pino, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './service-config.ts';

export type Log = Logger;

/** Names under which secrets could travel; whatever stands there is never written. */
const SECRETS = [
  'authorization',
  'password',
  'pass',
  'seed',
  'token',
  'secret',
  'api_key',
  'apiKey',
  'cookie',
  'x-signature',
];
const PATHS = SECRETS.flatMap((name) =>
  ['', '*.', '*.*.', '*.*.*.'].map((depth) => `${depth}${bracket(name)}`.replace('.[', '[')),
);

/** JSON lines on standard output, one object each, with the service's name. Written at once: the last line before the end is the one that counts. */
export function createLog(
  options: { readonly name: string; readonly level: LogLevel },
  destination: DestinationStream = pino.destination({ fd: 1, sync: true }),
): Log {
  return pino(
    {
      name: options.name,
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: PATHS, censor: '[secret]' },
      serializers: { err: toLoggable },
    },
    destination,
  );
}

/** Class, code, message, stack, and causes. Drivers hang values of rows on their errors; those stay out. */
function toLoggable(error: unknown, depth: number = 0): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: error.message.slice(0, 2_000),
    ...(depth === 0 && error.stack !== undefined ? { stack: error.stack.slice(0, 4_000) } : {}),
    ...(error.cause !== undefined && depth < 4 ? { cause: toLoggable(error.cause, depth + 1) } : {}),
  };
}

function bracket(name: string): string {
  return /^[A-Za-z_]+$/.test(name) ? name : `["${name}"]`;
}
