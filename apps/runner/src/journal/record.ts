import { utf8 } from '@logline/canon-sign';
import type { FactPlace } from '@logline/contracts';
import type { Plan } from '../domain/plan.ts';
import type { RunEvent } from '../domain/run-event.ts';
import { RunnerState, type Said, type StoredState } from '../domain/runner-state.ts';
import { LogFold, type Pins, type StoredFold } from '../follow/log-fold.ts';

/** One line of the journal. What a runner knows is the fold of these, and nothing else. */
export type JournalRecord =
  /** Replaces everything before it; always the first line of a compacted journal. */
  | { readonly t: 'snapshot'; readonly fold: StoredFold; readonly state: StoredState }
  | { readonly t: 'fact'; readonly entry: string; readonly place: FactPlace; readonly sequence: number }
  /** An event of a run, with the reports it leads to: both or neither. */
  | { readonly t: 'event'; readonly lease: number; readonly event: RunEvent; readonly said: readonly Said[] }
  /** A stop that found nothing to stop. */
  | { readonly t: 'stopHandled'; readonly stop: Plan; readonly said: readonly Said[] }
  | {
      readonly t: 'answered';
      readonly span: string;
      readonly lease: number;
      readonly receipt: { readonly index: number; readonly timeMs: number } | null;
    };

/** The state after one more record; leases that it concerns are added to `touched`. */
export function applyRecord(
  state: RunnerState,
  record: JournalRecord,
  pins: Pins,
  touched: Set<number>,
): RunnerState {
  switch (record.t) {
    case 'snapshot':
      return new RunnerState(state.runner, new LogFold(pins, record.fold), record.state);
    case 'fact':
      for (const verified of state.log.take({
        bytes: utf8(record.entry),
        place: record.place,
        sequence: record.sequence,
      })) {
        const lease = state.applyVerified(verified);
        if (lease !== null) touched.add(lease);
      }
      return state;
    case 'event':
      state.applyEvent(record.lease, record.event);
      state.applySaid(record.said);
      touched.add(record.lease);
      return state;
    case 'stopHandled':
      state.applyStopHandled(record.stop.lease);
      state.applySaid(record.said);
      return state;
    case 'answered':
      state.applyAnswered(record);
      touched.add(record.lease);
      return state;
  }
}
