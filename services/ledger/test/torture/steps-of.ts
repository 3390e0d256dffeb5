import type { Action } from './orders.ts';

/**
 * The steps of the write path at which a ledger is hit: each is before, behind ("sent": the other side has it), or after the answer of one
 * piece of I/O. `steps.ts` names whatever passes; this is the list of what a whole torture must have done to a ledger.
 */
export type Step = {
  readonly name: string;
  /** `kill` unless it says `drop`: the message is lost on its way, an answer above all. */
  readonly action: Extract<Action, 'kill' | 'drop'>;
  /** When it passes: `turn` with traffic of that kind; `takeover` in whoever leads next; `lease` each second; `stop` on SIGTERM; `move` in whoever moves a tenant. */
  readonly when: 'turn' | 'takeover' | 'lease' | 'stop' | 'move';
  /** Traffic without which it does not pass. */
  readonly wants?:
    | 'birth'
    | 'bulk'
    | 'foreign'
    | 'long talk'
    | 'full tile'
    | 'key'
    | 'stale'
    | 'again'
    | 'again in a full tile';
  /** Where the first one must have died, for this one to pass in the next. */
  readonly after?: string;
  /** Trouble without which it does not pass: the lease ends under a leader, PostgreSQL says nothing for more than a second. */
  readonly beside?: 'contend' | 'silence';
  /** Passes when something else has gone wrong, if at all; never demanded. */
  readonly isOptional?: true;
};

const BEFORE_SENT_ANSWERED = ['before', 'sent', 'answered'] as const;
const BEFORE_SENT = ['before', 'sent'] as const;
/** Of what only reads: whether it was sent makes no difference. */
const BEFORE_ANSWERED = ['before', 'answered'] as const;

type Circumstances = Omit<Step, 'name' | 'action'>;

function each(
  whats: readonly string[],
  phases: readonly string[],
  circumstances: Circumstances,
): readonly Step[] {
  return whats.flatMap((what) =>
    phases.map((phase) => ({ name: `${what} ${phase}`, action: 'kill', ...circumstances }) as const),
  );
}

function lost(names: readonly string[], circumstances: Circumstances): readonly Step[] {
  return names.map((name) => ({ name, action: 'drop', ...circumstances }) as const);
}

const TURN = { when: 'turn' } as const;
const TAKEOVER = { when: 'takeover' } as const;
/** The log is there and the next leader does not know it. */
const INHERITED = { when: 'takeover', after: 'pg commit answered' } as const;
const MOVE = { when: 'move' } as const;
const RARE = { when: 'turn', wants: 'bulk', isOptional: true } as const;

export const STEPS: readonly Step[] = [
  ...each(['nats envelope'], ['arrived'], TURN),
  ...each(['pg find_known'], BEFORE_ANSWERED, TURN),
  ...each(['pg find_partitions', 'pg load_logs', 'pg last_log_id'], BEFORE_ANSWERED, {
    when: 'turn',
    wants: 'birth',
  }),
  ...each(['pg read_receipts'], BEFORE_ANSWERED, { when: 'turn', wants: 'again' }),
  ...each(['pg read_full_tiles', 'pg read_tile_hashes'], BEFORE_ANSWERED, {
    when: 'turn',
    wants: 'again in a full tile',
  }),
  ...each(['pg begin', 'pg lock_lease', 'pg advance_partition'], BEFORE_SENT_ANSWERED, TURN),
  ...each(['pg insert_logs'], BEFORE_SENT_ANSWERED, { when: 'turn', wants: 'birth' }),
  ...each(['pg advance_logs', 'pg insert_entries'], BEFORE_SENT_ANSWERED, TURN),
  ...each(['pg insert_tiles'], BEFORE_SENT_ANSWERED, { when: 'turn', wants: 'full tile' }),
  ...each(['pg insert_checkpoints', 'pg save_writes', 'pg save_heads'], BEFORE_SENT_ANSWERED, TURN),
  ...each(['pg insert_idempotency', 'pg insert_nonces'], BEFORE_SENT_ANSWERED, {
    when: 'turn',
    wants: 'key',
  }),
  ...each(['pg commit'], BEFORE_SENT_ANSWERED, TURN),
  ...each(['nats anchor'], BEFORE_SENT_ANSWERED, TURN),
  ...each(['nats reply'], BEFORE_SENT, TURN),
  ...each(['nats recheck'], BEFORE_SENT_ANSWERED, { when: 'turn', wants: 'stale' }),
  ...each(['nats pass on'], BEFORE_SENT_ANSWERED, { when: 'turn', wants: 'foreign' }),
  ...each(['nats envelope ack'], BEFORE_SENT, TURN),
  ...each(['nats envelope nak'], BEFORE_SENT, { when: 'turn', wants: 'long talk', beside: 'contend' }),
  ...each(['nats envelope wpi'], BEFORE_SENT, { when: 'turn', beside: 'silence' }),
  // facts that leave together: the last one alone is answered
  ...each(['nats chain first', 'nats chain next'], BEFORE_SENT, TURN),
  ...each(['nats chain last'], BEFORE_SENT_ANSWERED, TURN),
  // alone while it is not known what lies ahead of it
  ...each(['nats fact'], BEFORE_SENT_ANSWERED, TAKEOVER),
  ...each(['nats batch first', 'nats batch commit'], BEFORE_SENT_ANSWERED, RARE),
  ...each(['nats batch middle'], BEFORE_SENT, RARE),
  ...each(['nats consumer msg next'], BEFORE_SENT, TAKEOVER),
  ...each(['pg acquire-lease'], BEFORE_SENT_ANSWERED, TAKEOVER),
  ...each(['pg load_partition', 'pg outwait_commits', 'pg load_tip'], BEFORE_ANSWERED, TAKEOVER),
  ...each(['nats stream msg get', 'nats stream msg get of anchor'], BEFORE_ANSWERED, TAKEOVER),
  // of FACTS, where it holds no fact of a log: whether one may have aged
  ...each(['nats stream info'], BEFORE_SENT_ANSWERED, TAKEOVER),
  ...each(['pg read_facts', 'pg read_leaves', 'pg load_log_keys'], BEFORE_ANSWERED, INHERITED),
  ...each(
    ['nats consumer info', 'nats consumer delete', 'nats consumer create'],
    BEFORE_SENT_ANSWERED,
    TAKEOVER,
  ),
  ...each(['pg renew-lease'], BEFORE_SENT_ANSWERED, { when: 'lease' }),
  ...each(['pg release-lease'], BEFORE_SENT_ANSWERED, { when: 'stop' }),
  ...each(
    ['move pg find_partitions', 'move nats stream msg get of anchor', 'move nats stream msg get'],
    BEFORE_ANSWERED,
    MOVE,
  ),
  ...each(
    ['move pg lock_partitions', 'move pg move_log', 'move pg advance_partition'],
    BEFORE_SENT_ANSWERED,
    MOVE,
  ),
  ...each(['move pg commit', 'move nats anchor'], BEFORE_SENT_ANSWERED, MOVE),
  // into a partition that has never had a commit; where FACTS holds none of the log
  ...each(['move pg seize_lease', 'move nats stream info'], BEFORE_SENT_ANSWERED, {
    when: 'move',
    isOptional: true,
  }),
  ...lost(['nats anchor answered', 'nats chain last answered'], TURN),
  ...lost(['nats chain first before', 'nats chain next before', 'nats chain last before'], TURN),
  ...lost(['nats reply before', 'nats envelope ack before'], TURN),
  ...lost(['nats recheck answered'], { when: 'turn', wants: 'stale' }),
  ...lost(['nats fact answered', 'nats stream msg get answered'], TAKEOVER),
  ...lost(['nats stream msg get of anchor answered', 'nats consumer create answered'], TAKEOVER),
];

/** Of ledgers that have a witness, besides. */
export const WITNESS_STEPS: readonly Step[] = [
  ...each(['pg save_cosignature', 'nats cosigned'], BEFORE_SENT_ANSWERED, TURN),
  ...each(['pg drop_cosignatures_beyond'], BEFORE_SENT_ANSWERED, TAKEOVER),
  ...each(['pg load_cosignatures'], BEFORE_ANSWERED, TAKEOVER),
  ...each(['pg read_checkpoint'], BEFORE_ANSWERED, INHERITED),
  // when a witness knows more of a log than whoever asks
  ...each(['pg read_size_in'], BEFORE_ANSWERED, { when: 'turn', isOptional: true }),
  ...lost(['nats cosigned answered'], TURN),
];

/** What is counted when it has happened. */
export const keyOf = ({ name, action }: Pick<Step, 'name' | 'action'>): string => `${action}: ${name}`;

const names = new Set([...STEPS, ...WITNESS_STEPS].map(({ name }) => name));

/** Whether the list has it: with "before", a read has "sent" as well. */
export function isListed(name: string): boolean {
  return names.has(name) || names.has(name.replace(/ sent$/, ' before'));
}
