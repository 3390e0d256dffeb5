import { createInbox, type NatsConnection } from '@nats-io/nats-core';

const prefixes = new WeakMap<NatsConnection, string>();

/** Remembers the only prefix under which a connection's user may listen; the client does not tell. */
export function setInboxPrefix(nc: NatsConnection, prefix: string): void {
  prefixes.set(nc, prefix);
}

/** A fresh inbox this connection may listen on. */
export function newInbox(nc: NatsConnection): string {
  return createInbox(prefixes.get(nc));
}
