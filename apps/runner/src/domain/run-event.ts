import type { DeployFailure } from '@logline/contracts';
import type { End, Terms } from './run.ts';

type Port = { readonly container: number; readonly host: number; readonly protocol: 'tcp' | 'udp' };

/** What happened to a run: an outcome of its own steps, a wish of the log, an answer to a report. Journaled, then evolved. */
export type RunEvent =
  | { readonly type: 'verified'; readonly terms: Terms }
  | { readonly type: 'opened' }
  /** The secrets in memory, or the freshness they rest on, are gone: ask again. */
  | { readonly type: 'lapsed' }
  | { readonly type: 'created'; readonly container: string; readonly image: string }
  | { readonly type: 'started'; readonly startedAtMs: number | null; readonly ports: readonly Port[] }
  | {
      readonly type: 'exited';
      /** Null when the container was removed behind our back. */
      readonly exitCode: number | null;
      readonly finishedAtMs: number | null;
      readonly isOomKilled: boolean;
      readonly isVanished: boolean;
    }
  | { readonly type: 'failed'; readonly why: DeployFailure; readonly message: string }
  | { readonly type: 'cleaned' }
  | { readonly type: 'endAsked'; readonly end: End }
  /** `grant.materialize` has its receipt. */
  | { readonly type: 'receipted'; readonly span: string; readonly index: number; readonly timeMs: number }
  /** Our own reading of the log has come to `grant.materialize`. */
  | { readonly type: 'materializeLogged'; readonly span: string }
  /** A report was signed and waits to be sent. */
  | { readonly type: 'said'; readonly intent: string; readonly span: string }
  /** Our own reports are in the log although the journal does not know them: it was lost, the container perhaps not. */
  | { readonly type: 'foundInLog'; readonly container: string | null; readonly startedAtMs: number | null };
