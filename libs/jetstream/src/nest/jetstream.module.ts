import { Module, type DynamicModule } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Classify } from '../classify.ts';
import { connectNats, type NatsOptions } from '../connect.ts';
import type { Log } from '../log.ts';
import { Publisher } from '../publisher.ts';
import { JetStreamStrategy } from './jetstream.strategy.ts';

/** Injects the connection: `@Inject(NATS) nc: NatsConnection`. */
export const NATS: unique symbol = Symbol('NATS');

export type JetStreamModuleOptions = Omit<NatsOptions, 'log'> & {
  readonly classify?: Classify;
  readonly onFatal?: (error: unknown) => void;
  readonly log: Log;
};

/** Global: the connection, a publisher, and the transport. Connecting is part of starting; closing is the service's, in its own order. */
@Module({})
export class JetStreamModule {
  static register({ classify, onFatal, ...nats }: JetStreamModuleOptions): DynamicModule {
    return {
      module: JetStreamModule,
      global: true,
      providers: [
        { provide: NATS, useFactory: () => connectNats(nats) },
        { provide: Publisher, inject: [NATS], useFactory: (nc: NatsConnection) => new Publisher(nc) },
        {
          provide: JetStreamStrategy,
          inject: [NATS],
          useFactory: (nc: NatsConnection) =>
            new JetStreamStrategy({
              nc,
              log: nats.log,
              ...(classify === undefined ? {} : { classify }),
              ...(onFatal === undefined ? {} : { onFatal }),
            }),
        },
      ],
      exports: [NATS, Publisher, JetStreamStrategy],
    };
  }
}
