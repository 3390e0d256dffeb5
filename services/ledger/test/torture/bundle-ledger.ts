import { build } from 'esbuild';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLedger } from '../ledger-process.ts';

const SERVICE = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const ROOT = join(SERVICE, '..', '..');

/** What Nest asks for if it is there; it is not. */
const ABSENT = [
  '@fastify/*',
  '@grpc/*',
  '@nestjs/platform-express',
  '@nestjs/websockets',
  '@nestjs/websockets/*',
  'amqp-connection-manager',
  'amqplib',
  'ioredis',
  'kafkajs',
  'mqtt',
  'nats',
];
/** The drivers that `steps.ts` reaches into, and what loads its WebAssembly from beside itself. */
const APART = ['pg', '@nats-io/*', 'blake3'];

/**
 * The compiled service as one file, where it finds its packages: what tsc made, decorator metadata and all, in a third of the time to start.
 * A torture starts thousands.
 */
export async function bundleLedger(): Promise<string> {
  buildLedger();
  const dir = join(ROOT, 'node_modules', '.cache', 'logline-torture');
  mkdirSync(dir, { recursive: true });
  const outfile = join(dir, `ledger-${process.pid}.mjs`);
  await build({
    entryPoints: [join(SERVICE, 'dist', 'main.js')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: [...ABSENT, ...APART],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}
