import { randomBytes } from 'node:crypto';
import {
  parseAck,
  formatEnvelope,
  inboxPrefix,
  SUBMIT_CLIENT,
  type Ack,
  type Caller,
  type SubmitEnvelope,
  type SubmitRequest,
} from '@logline/contracts';
import { Publisher, ReplyInbox } from '@logline/jetstream';
import type { World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';

export type Wishes = {
  readonly tenant?: string;
  readonly caller?: Caller;
  readonly waitMs?: number;
  readonly language?: 'en' | 'pt-BR';
  readonly subject?: string;
  readonly recheck?: SubmitRequest['recheck'];
  /** For what nobody will answer. */
  readonly reply?: string;
};

/** Stands where a sender stands (gateway, service, runner, ledger): requests out, acks in. */
export class Sender {
  readonly #publisher: Publisher;
  readonly #inbox: ReplyInbox;
  readonly #user: string;

  private constructor(nc: NatsConnection, user: string) {
    this.#publisher = new Publisher(nc);
    this.#inbox = ReplyInbox.open(nc, user);
    this.#user = user;
  }

  static async as(world: World, user: string): Promise<Sender> {
    return new Sender(await world.connect(user), user);
  }

  /** One envelope of one request; its acks, undefined for those that did not come in time. */
  async submit(bodies: readonly Uint8Array[], wishes: Wishes = {}): Promise<readonly (Ack | undefined)[]> {
    const expected = this.#inbox.expect(bodies.length);
    try {
      await this.send(bodies, { reply: expected.reply, ...wishes });
      const acks = await expected.until(Date.now() + (wishes.waitMs ?? 10_000));
      return acks.map((ack) => ack && parseAck(ack));
    } finally {
      expected.close();
    }
  }

  /** The same, and nobody waits for the answer. The trace id. */
  async send(bodies: readonly Uint8Array[], wishes: Wishes = {}): Promise<string> {
    const {
      tenant = 'acme',
      caller = { kind: 'token', token: 'tok1' },
      waitMs = 10_000,
      language = 'en',
    } = wishes;
    const { subject = SUBMIT_CLIENT, recheck, reply = `${inboxPrefix(this.#user)}.nobody.waits` } = wishes;
    const trace = randomBytes(16).toString('hex');
    const header: SubmitEnvelope = {
      v: 1,
      requests: [
        {
          trace,
          reply,
          tenant,
          language,
          caller,
          wait_ms: waitMs,
          ...(recheck === undefined ? {} : { recheck }),
          spans: bodies.map((body, position) => ({ position, length: body.length })),
        },
      ],
    };
    await this.publish(subject, formatEnvelope(header, bodies));
    return trace;
  }

  async publish(subject: string, bytes: Uint8Array): Promise<void> {
    await this.#publisher.publish(subject, bytes);
  }
}
