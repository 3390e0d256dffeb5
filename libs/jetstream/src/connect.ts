import { inboxPrefix } from '@logline/contracts';
import { AuthorizationError, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { JetStreamError } from './errors.ts';
import { linkOf } from './link.ts';
import { noLog, type Log } from './log.ts';
import { keepDialling } from './redial.ts';

export type NatsOptions = {
  /** One url, or several with commas. */
  readonly url: string;
  /** Decides the permissions, and by them the only inboxes this process may listen on. */
  readonly user: string;
  readonly password: string;
  /** Shown by the server's monitoring. */
  readonly name: string;
  readonly log?: Log;
  /** How long to try the first connection; 30 s. Later ones are tried for ever. */
  readonly firstWithinMs?: number;
};

/**
 * A connection that comes back by itself for as long as the process lives.
 * @throws JetStreamError `FORBIDDEN` on bad credentials at once, `UNAVAILABLE` when no server answers in time
 */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const { url, user, password, name, log = noLog, firstWithinMs = 30_000 } = options;
  const giveUpAt = performance.now() + firstWithinMs;
  for (;;) {
    try {
      const nc = await connect({
        servers: url.split(','),
        user,
        pass: password,
        name,
        inboxPrefix: inboxPrefix(user),
        maxReconnectAttempts: -1,
        reconnectTimeWait: 200,
        reconnectJitter: 100,
        // a server that restarts may answer before it has read its users
        ignoreAuthErrorAbort: true,
        pingInterval: 10_000,
        maxPingOut: 2,
        timeout: 5_000,
        noAsyncTraces: true,
      });
      linkOf(nc).inboxPrefix = inboxPrefix(user);
      void watch(nc, log);
      return nc;
    } catch (error) {
      if (error instanceof AuthorizationError) {
        throw new JetStreamError('FORBIDDEN', `nats refuses the user ${user}: check its password file`, {
          cause: error,
        });
      }
      if (performance.now() >= giveUpAt) {
        throw new JetStreamError('UNAVAILABLE', `no nats-server answers within ${firstWithinMs} ms`, {
          cause: error,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function watch(nc: NatsConnection, log: Log): Promise<void> {
  let stopDialling = (): void => undefined;
  for await (const status of nc.status()) {
    switch (status.type) {
      case 'disconnect':
        stopDialling();
        stopDialling = keepDialling(nc);
        linkOf(nc).isUp = false;
        log.warn({}, 'nats: disconnected');
        break;
      case 'reconnect':
        stopDialling();
        linkOf(nc).isUp = true;
        log.info({}, 'nats: connected again');
        break;
      case 'error':
        log.error({ reason: status.error.message }, 'nats: the server reports an error');
        break;
      case 'slowConsumer':
        log.warn({ pending: status.pending }, 'nats: slow consumer');
        break;
    }
  }
  stopDialling();
}
