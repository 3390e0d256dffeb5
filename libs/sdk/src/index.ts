export type { LogLineConfig } from './config.ts';
export type { DeployAPI } from './deploy-api.ts';
export {
  ConnectionError,
  ForbiddenError,
  IdempotencyConflictError,
  InternalError,
  LogLineError,
  NotFoundError,
  ProofRequiredError,
  RateLimitedError,
  ReceiptInvalidError,
  RotationInvalidError,
  SchemaInvalidError,
  TooLargeError,
  UnauthorizedError,
} from './errors.ts';
/** The same by shorter names. */
export {
  IdempotencyConflictError as IdempotencyConflict,
  InternalError as Internal,
  ProofRequiredError as ProofRequired,
  SchemaInvalidError as SchemaInvalid,
} from './errors.ts';
export type { StreamedSpan } from './event-stream.ts';
export { LogKeyFollower, type LogKeyFollowerOptions } from './log-key-follower.ts';
export type { MiniContainerAPI } from './minicontainer-api.ts';
export type { RegistryAPI } from './registry-api.ts';
export { LogLineSDK, type AppendOptions, type StreamParams } from './sdk.ts';
export type { SignedSpan, SpanInput } from './span-draft.ts';
export type { Answer, Call } from './transport.ts';
export type { WalletAPI } from './wallet-api.ts';
