export { Consume, consumerPattern, type ConsumeOptions } from './nest/consume.ts';
export { JetStreamModule, NATS, type JetStreamModuleOptions } from './nest/jetstream.module.ts';
export {
  JetStreamStrategy,
  type ConsumerStatus,
  type JetStreamStrategyOptions,
} from './nest/jetstream.strategy.ts';
