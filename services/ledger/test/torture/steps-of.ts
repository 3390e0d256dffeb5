/**
 * The steps of the write path at which a ledger is hit: each is before, behind ("sent": the other side has it), or after the answer of one
 * piece of I/O. `steps.ts` names whatever passes; this is the list that a whole torture must have killed at.
 */
export type Step = {
  readonly name: string;
  /** When it passes: `turn` with traffic of that kind; `takeover` in whoever leads next; `lease` each second; `stop` on SIGTERM. */
  readonly when: 'turn' | 'takeover' | 'lease' | 'stop';
  /** Traffic without which it does not pass. */
  readonly wants?: 'birth' | 'bulk' | 'full tile' | 'key' | 'stale' | 'again';
  /** Where the first one must have died, for this one to pass in the next. */
  readonly after?: string;
  /** Not every ledger has it: demanded once it was seen. */
  readonly isOptional?: true;
};

const BEFORE_SENT_ANSWERED = ['before', 'sent', 'answered'] as const;
const BEFORE_SENT = ['before', 'sent'] as const;
const BEFORE_ANSWERED = ['before', 'answered'] as const;

function each(
  whats: readonly string[],
  phases: readonly string[],
  rest: Omit<Step, 'name'>,
): readonly Step[] {
  return whats.flatMap((what) => phases.map((phase) => ({ name: `${what} ${phase}`, ...rest })));
}

export const STEPS: readonly Step[] = [
  { name: 'nats envelope arrived', when: 'turn' },
  ...each(['pg find_known'], BEFORE_ANSWERED, { when: 'turn' }),
  ...each(['pg load_logs', 'pg last_log_id'], BEFORE_ANSWERED, { when: 'turn', wants: 'birth' }),
  ...each(['pg read_receipts'], BEFORE_ANSWERED, { when: 'turn', wants: 'again' }),
  ...each(['pg begin', 'pg lock_lease'], BEFORE_SENT_ANSWERED, { when: 'turn' }),
  ...each(['pg insert_logs'], BEFORE_SENT_ANSWERED, { when: 'turn', wants: 'birth' }),
  ...each(['pg advance_logs', 'pg insert_entries'], BEFORE_SENT_ANSWERED, { when: 'turn' }),
  ...each(['pg insert_tiles'], BEFORE_SENT_ANSWERED, { when: 'turn', wants: 'full tile' }),
  ...each(['pg insert_checkpoints', 'pg save_writes', 'pg save_heads'], BEFORE_SENT_ANSWERED, {
    when: 'turn',
  }),
  ...each(['pg insert_idempotency', 'pg insert_nonces'], BEFORE_SENT_ANSWERED, {
    when: 'turn',
    wants: 'key',
  }),
  ...each(['pg commit'], BEFORE_SENT_ANSWERED, { when: 'turn' }),
  ...each(['nats anchor'], BEFORE_SENT_ANSWERED, { when: 'turn', isOptional: true }),
  ...each(['nats reply'], BEFORE_SENT, { when: 'turn' }),
  ...each(['nats recheck'], BEFORE_SENT_ANSWERED, { when: 'turn', wants: 'stale' }),
  ...each(['nats envelope ack'], BEFORE_SENT, { when: 'turn' }),
  ...each(['nats fact'], BEFORE_SENT_ANSWERED, { when: 'turn' }),
  ...each(['nats batch first', 'nats batch commit'], BEFORE_SENT_ANSWERED, { when: 'turn', wants: 'bulk' }),
  ...each(['nats batch middle'], BEFORE_SENT, { when: 'turn', wants: 'bulk' }),
  ...each(['nats consumer msg next'], BEFORE_SENT, { when: 'turn' }),
  ...each(['pg acquire-lease'], BEFORE_SENT_ANSWERED, { when: 'takeover' }),
  ...each(['pg load_partition'], BEFORE_ANSWERED, { when: 'takeover' }),
  ...each(['nats stream msg get'], BEFORE_ANSWERED, { when: 'takeover' }),
  ...each(['pg read_facts'], BEFORE_ANSWERED, { when: 'takeover', after: 'pg commit answered' }),
  ...each(['nats consumer info', 'nats consumer delete', 'nats consumer create'], BEFORE_SENT_ANSWERED, {
    when: 'takeover',
  }),
  ...each(['pg renew-lease'], BEFORE_SENT_ANSWERED, { when: 'lease' }),
  ...each(['pg release-lease'], BEFORE_SENT_ANSWERED, { when: 'stop' }),
];
