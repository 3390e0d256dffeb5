import { FIRST_PARTITION } from '@logline/contracts';
import type { Survey } from './survey.ts';

/** What an operator has to know before saying that the database is the truth, in plain words. */
export function explain({ partition, tip, anchor, logs, decision, unknownFacts }: Survey): string {
  if (decision.kind !== 'refuse')
    return `partition ${partition}: the anchor stands where the database does; there is nothing to adopt`;
  const lost = anchor === undefined ? 0 : Math.max(0, anchor.position - tip.position);
  return [
    `partition ${partition} refuses to sign: ${decision.code}: ${decision.why}`,
    '',
    anchor === undefined
      ? 'Nothing outside PostgreSQL says how far it had come. If this database was put back from a backup, all commits since are lost.'
      : lost > 0
        ? `${lost} commits that were acknowledged are not in this database. Receipts for them exist.`
        : 'This database holds other commits than those that were acknowledged.',
    'First look for a newer copy: a standby, a later backup, the write-ahead log. With it the ledger goes on by itself and nothing is lost.',
    '',
    `If there is none, adopting takes this database as the truth. What then happens to ${logs.length} logs:`,
    '  - entries beyond it are gone; who holds their receipts holds a proof that this log has forked, and witnesses will say so',
    '  - their ids, nonces, proofs and idempotency keys count as never used',
    "  - each log gets one entry, registry.log.adopted, signed with the operator's key, which cannot be taken back",
    '  - one that is damaged, or whose key is not held here, gets none and stays refused; mended later, it goes on without: so mend it first if you can',
    ...unknownFacts.map(
      ({ tenant, from, to }) =>
        `  - ${tenant}: facts ${from} to ${to} were published and are not in the log: readers have seen them`,
    ),
    ...(unknownFacts.length === 0
      ? []
      : ['    so before anybody reads on, empty the stream and the views: the steps are in docs/ageing.md']),
    '',
    `To go on: logline log adopt --i-know${partition === FIRST_PARTITION ? '' : ` --partition ${partition}`}`,
  ].join('\n');
}
