/** What the torture tells a ledger process, and what it hears of it. */

/** `cut`: the connection breaks. `drop`: this message never leaves (PostgreSQL: as `cut`). `double`: it leaves twice. `block`: nothing moves for a while. */
export type Action = 'kill' | 'stop' | 'cut' | 'drop' | 'double' | 'block';

export type Order =
  | {
      readonly kind: 'arm';
      readonly step: string;
      /** The how-manieth passage of the step is hit, from 1. */
      readonly nth: number;
      readonly action: Action;
      readonly blockMs: number;
    }
  | { readonly kind: 'disarm' }
  /** How far its wall clock runs ahead of ours; negative: behind. */
  | { readonly kind: 'clock'; readonly aheadMs: number };

export type Report =
  | { readonly kind: 'seen'; readonly step: string }
  | { readonly kind: 'hit'; readonly step: string; readonly action: Action };
