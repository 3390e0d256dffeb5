import type { Signer } from '@logline/canon-sign';
import type { Language, Receipt } from '@logline/contracts';
import type { LoggedRotation } from '@logline/tlog';

export type LogLineConfig = {
  /** Of the gateway, without path: `https://api.example.com`. */
  readonly baseUrl: string;
  /** `lltok_…` */
  readonly apiKey: string;
  readonly tenant: string;
  /** Ed25519; signs spans and requests. Left out: the SDK can read, and send spans that were signed elsewhere. */
  readonly signer?: Signer;
  readonly fetchImpl?: typeof fetch;
  /** How `stream` and `events` get what is new: an SSE connection, or asking every second where connections are not kept open. Default `sse`. */
  readonly defaultTransport?: 'sse' | 'polling';
  /**
   * Verifier key of the tenant's log, pinned: it never has to be changed. When given, every receipt is verified, and the log is held to what it said
   * before. Where the log has gone on to another key, that one counts once a rotation proven by this key names it.
   */
  readonly logKey?: string;
  /** Rotations that were proven before, as `onRotations` gave them, so that none has to be asked for. They are proven again. Needs `logKey`. */
  readonly knownRotations?: readonly LoggedRotation[];
  /** Called with all proven rotations when another one came, to be kept. */
  readonly onRotations?: (rotations: readonly LoggedRotation[]) => void | Promise<void>;
  /** The newest signed checkpoint that was seen before this client was made (`checkpoint` of a receipt's proof); growth is shown from it on. Needs `logKey`, and `knownRotations` where only a later key signed it. */
  readonly knownCheckpoint?: string;
  /** Called with each receipt that came, after it was verified (if it is verified at all), with the exact bytes it is for. */
  readonly onReceipt?: (receipt: Receipt, spanBytes: Uint8Array) => void | Promise<void>;
  readonly language?: Language;
  /** Of one attempt. Default 20 s. */
  readonly timeoutMs?: number;
  /** A stream that is silent for so long, heartbeats included, is opened again. Default 45 s, three heartbeats. */
  readonly streamIdleMs?: number;
  /** Further attempts after a 5xx, a 429, or no answer. Default 3. */
  readonly retries?: number;
  readonly userAgent?: string;
};
