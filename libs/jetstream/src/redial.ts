import type { NatsConnection } from '@nats-io/nats-core';

const EVERY_MS = 500;

/**
 * While the line is cut, lets the client dial whatever the wall clock does. It waits until some time has passed since it dialled last and counts that by the
 * wall clock: one that was set back by an hour would keep it from dialling for an hour. Returns what ends it.
 */
export function keepDialling(nc: NatsConnection): () => void {
  const forgetFuture = (): void => {
    for (const server of serversOf(nc)) if ((server.lastConnect ?? 0) > Date.now()) server.lastConnect = 0;
  };
  forgetFuture();
  const timer = setInterval(forgetFuture, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Fields of the client's `NatsConnectionImpl`, `ProtocolHandler`, `Servers` and `ServerImpl`; a test tells when they are gone. */
type ConnectionInside = { readonly protocol?: { readonly servers?: { readonly servers?: ServerInside[] } } };
type ServerInside = { lastConnect?: number };

function serversOf(nc: NatsConnection): readonly ServerInside[] {
  return (nc as unknown as ConnectionInside).protocol?.servers?.servers ?? [];
}
