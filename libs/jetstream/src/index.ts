export { warnOfAged } from './aged-facts.ts';
export { answer, type PositionedAck } from './answer.ts';
export { callApi } from './api.ts';
export { classifyBy, type Classify } from './classify.ts';
export { Coalescer, type CoalescerOptions } from './coalescer.ts';
export { connectNats, type NatsOptions } from './connect.ts';
export { JetStreamContext } from './context.ts';
export { emptyFacts } from './empty-facts.ts';
export { JETSTREAM_FAULTS, JetStreamError, type Fault, type JetStreamErrorCode } from './errors.ts';
export { toFactMessage, toWaitingFact, type FactMessage } from './fact-message.ts';
export { FactSubmitter, type FactSubmitterOptions, type Submission } from './fact-submitter.ts';
export { readFactsStream, type FactsStream } from './facts-stream.ts';
export { followFacts, type FollowedFact, type Following, type FollowOptions } from './follow-facts.ts';
export type { HeaderPair } from './header-lines.ts';
export { lastFactOf, type LastFact } from './last-fact.ts';
export { LedgerLines } from './ledger-lines.ts';
export type { Log } from './log.ts';
export { MessageLoop, pullMessages } from './message-loop.ts';
export type { HandlerMode, LoopCounts, MessageLoopOptions, Rejection } from './message-loop-options.ts';
export { keepStreams, migrateStreams, provisionRunner, type MigrateOptions } from './migrate-streams.ts';
export { sayMissing, type MissingFacts } from './missing-facts.ts';
export { WRITERS_PACE, type PaceOptions } from './pace.ts';
export { PARKED_HEADERS } from './park.ts';
export { MAX_MESSAGE_BYTES, Publisher, type PublishOptions, type Stored } from './publisher.ts';
export { nextFactOf, type StoredFactMessage } from './next-fact.ts';
export { placeOfFact } from './place-of-fact.ts';
export { publishBatch, publishFacts } from './publish-facts.ts';
export { recreateConsumer, resetConsumer, type RecreateOptions } from './recreate-consumer.ts';
export { ReplyInbox, type ExpectedAcks } from './reply-inbox.ts';
export { splitBodies, type Range } from './split-bodies.ts';
export {
  consumerConfigs,
  FACTS_MAX_AGE_MS,
  ledgerConsumer,
  runnerConsumer,
  streamConfigs,
  type ConsumerConfig,
  type DurableConsumer,
  type StreamConfig,
} from './stream-settings.ts';
