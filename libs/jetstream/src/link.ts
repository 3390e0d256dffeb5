import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import { toJetStreamError } from './api-error.ts';
import { JetStreamError } from './errors.ts';

/**
 * What the client knows about a connection and does not tell: the inbox prefix of its user, and whether it is up. While it is down the
 * client takes messages and forgets them, so a request made then would wait in vain for its whole timeout.
 */
class Link {
  inboxPrefix: string | undefined;
  #isUp = true;
  #onChange = new Set<{ tell: () => void }>();

  get isUp(): boolean {
    return this.#isUp;
  }

  set isUp(isUp: boolean) {
    this.#isUp = isUp;
    for (const { tell } of this.#onChange) tell();
  }

  /** Called on each change until the returned function is; then let go of, with all that it held (see `HeldMessages`). */
  watch(tell: () => void): () => void {
    const watcher = { tell };
    this.#onChange.add(watcher);
    return () => {
      watcher.tell = NOBODY;
      this.#onChange.delete(watcher);
    };
  }
}

const NOBODY = (): void => undefined;

const links = new WeakMap<NatsConnection, Link>();

export function linkOf(nc: NatsConnection): Link {
  const known = links.get(nc);
  if (known !== undefined) return known;
  const link = new Link();
  links.set(nc, link);
  return link;
}

/** A fresh inbox this connection may listen on. */
export function newInbox(nc: NatsConnection): string {
  return createInbox(linkOf(nc).inboxPrefix);
}

export type RequestOptions = { readonly timeoutMs: number; readonly headers?: MsgHdrs };

/**
 * The reply. Waits for a lost connection to come back, and gives up at once when it is lost on the way: both within the timeout.
 * @throws JetStreamError `UNAVAILABLE` and what the client's errors stand for
 */
export async function request(
  nc: NatsConnection,
  subject: string,
  payload: Uint8Array | string | undefined,
  what: string,
  options: RequestOptions,
): Promise<Msg> {
  const { timeoutMs, headers } = options;
  const link = linkOf(nc);
  await connected(nc, what, timeoutMs);
  let unwatch = (): void => undefined;
  const lost = new Promise<never>((_, reject) => {
    unwatch = link.watch(() => {
      if (!link.isUp) reject(new JetStreamError('UNAVAILABLE', `${what}: the connection was lost`));
    });
  });
  try {
    const reply = nc.request(subject, payload, {
      timeout: timeoutMs,
      ...(headers === undefined ? {} : { headers }),
    });
    reply.catch(() => undefined); // when the connection is lost first, nobody waits for its timeout
    return await Promise.race([reply, lost]);
  } catch (error) {
    throw toJetStreamError(what, error);
  } finally {
    unwatch();
  }
}

/** Waits for a lost connection to come back. @throws JetStreamError `UNAVAILABLE` when it does not in time */
export async function connected(nc: NatsConnection, what: string, withinMs: number): Promise<void> {
  const link = linkOf(nc);
  if (!link.isUp && !nc.isClosed()) await untilUp(link, withinMs);
  if (!link.isUp && !nc.isClosed()) throw new JetStreamError('UNAVAILABLE', `${what}: not connected`);
}

async function untilUp(link: Link, withinMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      unwatch();
      resolve();
    };
    const unwatch = link.watch(() => {
      if (link.isUp) done();
    });
    const timer = setTimeout(done, withinMs);
  });
}
