import { emptyTiledEdge } from '@logline/tlog';
import { query, type Pool } from '@logline/postgres';
import type { TestFact, TestLog } from '@logline/testing';
import { foldSubjects, growLogs } from '../src/domain/batch.ts';
import { parseFact } from '../src/domain/fact.ts';
import { emptySubject, type SubjectView } from '../src/domain/subject.ts';

/** The tables of the views, without what says when and by whom they were filled. */
export type Tables = Readonly<Record<string, readonly unknown[]>>;

export async function readTables(pool: Pool): Promise<Tables> {
  const rows = (sql: string): Promise<readonly unknown[]> => query(pool, sql);
  return {
    log: await rows('select tenant, origin, size, is_public from log order by tenant collate "C"'),
    span: await rows(
      `select tenant, idx, this, intent, subject, log_time_ms, encode(leaf, 'hex') as leaf, receipt_signature, encode(bytes, 'hex') as bytes
       from span order by tenant collate "C", idx`,
    ),
    checkpoint: await rows('select tenant, size, note from checkpoint order by tenant collate "C", size'),
    tile: await rows(
      `select tenant, level, n, encode(hashes, 'hex') as hashes, encode(root, 'hex') as root from tile order by tenant collate "C", level, n`,
    ),
    subject: await rows(
      'select tenant, subject, head, idx, state from subject_state order by tenant collate "C", subject collate "C"',
    ),
    key: await rows(
      'select tenant, kid, pub, role, scopes, exp_ms, status from signing_key order by tenant collate "C", kid collate "C"',
    ),
    token: await rows(
      'select tenant, token_id, hash, scopes, exp_ms, status from api_token order by tenant collate "C", token_id collate "C"',
    ),
  };
}

/** What the tables must hold: the fold of these logs, all at once. */
export function foldOf(
  logs: readonly TestLog[],
): Pick<Tables, 'log' | 'span' | 'checkpoint' | 'tile' | 'subject'> {
  const sorted = logs.toSorted((a, b) => compare(a.tenant, b.tenant)).filter(({ facts }) => facts.length > 0);
  const parsed = sorted.flatMap(({ facts }) => facts.map(({ bytes, place }) => parseFact(bytes, place)));
  const empty = new Map(sorted.map(({ tenant }) => [tenant, { tenant, edge: emptyTiledEdge() }]));
  const { growths } = growLogs(parsed, empty);
  const before = new Map<string, SubjectView>(
    parsed.map(({ span: { subject } }) => [subject, emptySubject(subject)]),
  );
  const { subjects, registry } = foldSubjects(growths, before);
  const all: readonly TestFact[] = sorted.flatMap(({ facts }) => facts);
  return {
    log: sorted.map(({ tenant, origin, facts }) => ({
      tenant,
      origin,
      size: facts.length,
      is_public: registry.some((change) => change.tenant === tenant && change.isPublic === true),
    })),
    span: all.map(({ span, bytes, place }) => ({
      tenant: place.tenant,
      idx: place.index,
      this: span.this,
      intent: span.intent,
      subject: span.subject,
      log_time_ms: place.timeMs,
      leaf: place.leaf,
      receipt_signature: place.receiptSignature,
      bytes: Buffer.from(bytes).toString('hex'),
    })),
    checkpoint: all.flatMap(({ place: { tenant, index, checkpoint } }) =>
      checkpoint === undefined ? [] : [{ tenant, size: index + 1, note: checkpoint }],
    ),
    tile: growths
      .flatMap(({ log: { tenant }, tiles }) =>
        tiles.map(({ level, index, hashes, root }) => ({
          tenant,
          level,
          n: Number(index),
          hashes: Buffer.from(hashes).toString('hex'),
          root: Buffer.from(root).toString('hex'),
        })),
      )
      .toSorted((a, b) => compare(a.tenant, b.tenant) || a.level - b.level || a.n - b.n),
    subject: subjects
      .map(({ tenant, view: { subject, head, index, state } }) => ({
        tenant,
        subject,
        head,
        idx: index,
        state,
      }))
      .toSorted((a, b) => compare(a.tenant, b.tenant) || compare(a.subject, b.subject)),
  };
}

/** By bytes, as the collation "C" does. */
function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
