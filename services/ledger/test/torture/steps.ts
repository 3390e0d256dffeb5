/**
 * Loaded into a ledger process before its own code (`node --import`): names every step of its I/O as it passes, and breaks the process at
 * the one it was told. Nothing of this is in the service. Orders come over the IPC channel; what happened goes out on descriptor 4,
 * written at once, for the next instruction may be the end.
 */
import { createRequire } from 'node:module';
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Order, Report } from './orders.ts';

type Armed = Extract<Order, { kind: 'arm' }>;

const REPORTS = 4;
const seen = new Set<string>();
let armed: Armed | undefined;
let passed = 0;
let clockMs = Number(process.env['TORTURE_CLOCK_MS'] ?? 0);
/** What its steps begin with: nothing in a ledger, `move ` in a process that moves a tenant. */
const prefix = process.env['TORTURE_PREFIX'] ?? '';

function report(what: Report): void {
  try {
    writeSync(REPORTS, `${JSON.stringify(what)}\n`);
  } catch {
    // whoever started us is gone; it has no more orders either
  }
}

/** What to do to this very piece of I/O: undefined for nothing. A kill does not return, a stop returns when somebody lets us go on. */
function pass(passing: string, flush: () => void = () => undefined): Armed['action'] | undefined {
  const step = `${prefix}${passing}`;
  if (!seen.has(step)) {
    seen.add(step);
    report({ kind: 'seen', step });
  }
  if (armed === undefined || armed.step !== step || ++passed < armed.nth) return undefined;
  const { action, blockMs } = armed;
  armed = undefined;
  flush();
  report({ kind: 'hit', step, action });
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      break;
    case 'block':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
      break;
    case 'cut':
    case 'drop':
    case 'double':
      break;
  }
  return action;
}

process.on('message', (order: Order) => {
  switch (order.kind) {
    case 'arm':
      armed = order;
      passed = 0;
      break;
    case 'disarm':
      armed = undefined;
      break;
    case 'clock':
      clockMs = order.aheadMs;
      break;
  }
});
// whoever gives the orders is gone: nobody would end us
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.channel?.unref();

const realNow = Date.now;
Date.now = () => realNow() + clockMs;

// the same copies that the service loads: both packages are CommonJS, so their classes can be reached before it does
const require = createRequire(import.meta.url);

/* eslint-disable-next-line typescript/no-explicit-any -- insides of two drivers, of which no types speak */
type Inside = any;
const { Client }: { Client: Inside } = require('pg');
const { ProtocolHandler }: Record<string, Inside> = require('@nats-io/nats-core/internal');

const query = Client.prototype.query;
Client.prototype.query = function (this: Inside, config: Inside, values: Inside, callback: Inside): unknown {
  // what a transaction of the pool ends with has no name
  const statement = config === 'COMMIT' ? 'commit' : config?.name;
  if (typeof statement !== 'string') return query.call(this, config, values, callback);
  const name = `pg ${statement}`;
  const socket: Socket = this.connection.stream;
  const before = pass(`${name} before`);
  if (before === 'cut' || before === 'drop') socket.destroy();
  const answered = (): void => {
    const what = pass(`${name} answered`);
    if (what === 'cut' || what === 'drop') socket.destroy();
  };
  const tell =
    typeof callback === 'function'
      ? (error: unknown, result: unknown) => {
          if (!error) answered();
          callback(error, result);
        }
      : undefined;
  const result: Promise<unknown> | undefined = query.call(this, config, values, tell);
  // out of the cork, so that the server has it
  const sent = pass(`${name} sent`, () => {
    for (let corks = 0; corks < 3; corks++) socket.uncork();
  });
  if (sent === 'cut' || sent === 'drop') setImmediate(() => socket.destroy());
  return result?.then((value) => {
    answered();
    return value;
  });
};

/** Of each message that waits for an answer: what the answer is called, by the inbox it comes to. */
const awaited = new Map<string, string>();
/** Whether the last fact of the group that goes out is still to come: it alone has an inbox. */
let isInChain = false;

/** Of facts that leave together, each behind the one ahead. */
function nextOfChain(reply: string): string {
  const isFirst = !isInChain;
  isInChain = reply === '';
  return `nats chain ${isInChain ? (isFirst ? 'first' : 'next') : 'last'}`;
}

/** Out of what is sent: our own headers are text and keep nothing else. */
function headerOf(headers: Inside, name: string): string {
  const lines = headers === undefined ? [] : text.decode(headers.encode()).split('\r\n');
  return (
    lines
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? ''
  );
}
const text = new TextDecoder();

const publish = ProtocolHandler.prototype.publish;
ProtocolHandler.prototype.publish = function (
  this: Inside,
  subject: string,
  payload: Inside,
  options: Inside,
): void {
  const reply: string = options?.reply ?? '';
  const headers: Inside = options?.headers;
  const isOfChain = headerOf(headers, 'Nats-Expected-Last-Msg-Id') !== '';
  const name = isOfChain ? nextOfChain(reply) : nameOf(subject, payload, headers);
  // what a pull brings are envelopes
  if (reply !== '' && name !== 'nats consumer msg next') awaited.set(reply, name);
  const before = pass(`${name} before`);
  if (before === 'drop') return;
  if (before === 'cut') this.transport.disconnect();
  if (before === 'double') publish.call(this, subject, payload, options);
  publish.call(this, subject, payload, options);
  const sent = pass(`${name} sent`, () => this.flushPending());
  if (sent === 'cut' || sent === 'drop') setImmediate(() => this.transport.disconnect());
};

const processMsg = ProtocolHandler.prototype.processMsg;
ProtocolHandler.prototype.processMsg = function (this: Inside, message: Inside, data: Inside): void {
  const reply = message.reply === undefined ? '' : text.decode(message.reply);
  const answered = awaited.get(text.decode(message.subject));
  const step = reply.includes('.ACCEPT.') ? 'nats envelope arrived' : answered && `${answered} answered`;
  const what = step === undefined ? undefined : pass(step);
  if (what === 'drop') return;
  if (what === 'cut') this.transport.disconnect();
  if (what === 'double') processMsg.call(this, message, data);
  processMsg.call(this, message, data);
  awaited.delete(text.decode(message.subject));
};

/** What a message is, by where it goes. What nobody has thought of has its subject for a name. */
function nameOf(subject: string, payload: unknown, headers: Inside): string {
  const tokens = subject.split('.');
  switch (tokens[0]) {
    case '_INBOX':
      return 'nats reply';
    case 'fact': {
      const at = headerOf(headers, 'Nats-Batch-Sequence');
      if (at === '') return 'nats fact';
      if (headerOf(headers, 'Nats-Batch-Commit') !== '') return 'nats batch commit';
      return at === '1' ? 'nats batch first' : 'nats batch middle';
    }
    case '$KV':
      return 'nats anchor';
    case 'submit':
      return 'nats recheck';
    case 'accept':
      return 'nats pass on';
    case 'cosigned':
      return 'nats cosigned';
    case '$JS':
      break;
    default:
      return `nats ${tokens.slice(0, 2).join(' ')}`;
  }
  if (tokens[1] === 'ACK') {
    const body =
      typeof payload === 'string'
        ? payload
        : text.decode(payload instanceof Uint8Array ? payload : undefined);
    return `nats envelope ${body.startsWith('+') ? body.slice(1, 5).trim().toLowerCase() : 'nak'}`;
  }
  const call = tokens
    .slice(2)
    .filter((token) => /^[A-Z]+$/.test(token) && token !== 'ACCEPT' && token !== 'FACTS');
  const about = subject.includes('KV_') ? ' of anchor' : '';
  return `nats ${call.join(' ').toLowerCase()}${about}`;
}
