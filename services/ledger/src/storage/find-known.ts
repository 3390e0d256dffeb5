import type { Row, Sql } from './append-connection.ts';

/** Questions about logs that exist. Answers carry the position of their question. */
export type Lookup = {
  readonly spans: readonly { readonly logId: number; readonly id: string }[];
  readonly writes: readonly { readonly logId: number; readonly key: string }[];
  readonly heads: readonly { readonly logId: number; readonly subject: string }[];
  readonly idempotency: readonly { readonly logId: number; readonly owner: string; readonly name: string }[];
  readonly nonces: readonly { readonly logId: number; readonly owner: string; readonly name: string }[];
};

/** Positions in the lookup's lists that have an answer. */
export type Found = {
  readonly spans: ReadonlyMap<number, { readonly index: number; readonly digest: Uint8Array }>;
  readonly writes: ReadonlyMap<number, number>;
  readonly heads: ReadonlyMap<number, string>;
  readonly idempotency: ReadonlyMap<number, { readonly index: number; readonly digest: Uint8Array }>;
  readonly nonces: ReadonlyMap<number, { readonly index: number; readonly digest: Uint8Array }>;
};

const FIND_KNOWN = {
  name: 'find_known',
  text: `
SELECT 0 AS kind, q.n, e.idx, e.hash AS digest, NULL AS id
  FROM unnest($1::int[], $2::uuid[]) WITH ORDINALITY AS q(log_id, this, n)
  JOIN entry e ON e.log_id = q.log_id AND e.this = q.this
UNION ALL
SELECT 1, q.n, w.idx, NULL, NULL
  FROM unnest($3::int[], $4::text[]) WITH ORDINALITY AS q(log_id, key, n)
  JOIN key_write w ON w.log_id = q.log_id AND w.key = q.key
UNION ALL
SELECT 2, q.n, NULL, NULL, h.this::text
  FROM unnest($5::int[], $6::text[]) WITH ORDINALITY AS q(log_id, subject, n)
  JOIN head h ON h.log_id = q.log_id AND h.subject = q.subject
UNION ALL
SELECT 3, q.n, i.idx, i.payload_hash, NULL
  FROM unnest($7::int[], $8::text[], $9::text[]) WITH ORDINALITY AS q(log_id, token, key, n)
  JOIN idempotency i ON i.log_id = q.log_id AND i.token = q.token AND i.key = q.key
UNION ALL
SELECT 4, q.n, o.idx, o.request_hash, NULL
  FROM unnest($10::int[], $11::text[], $12::text[]) WITH ORDINALITY AS q(log_id, kid, nonce, n)
  JOIN nonce o ON o.log_id = q.log_id AND o.kid = q.kid AND o.nonce = q.nonce`,
};

/** All that a turn has to ask, in one statement. */
export async function findKnown(sql: Sql, lookup: Lookup): Promise<Found> {
  const logIds = (questions: readonly { logId: number }[]) => questions.map(({ logId }) => logId);
  const pairs = (questions: Lookup['nonces']) => [
    logIds(questions),
    questions.map(({ owner }) => owner),
    questions.map(({ name }) => name),
  ];
  const { rows } = await sql.run(FIND_KNOWN, [
    logIds(lookup.spans),
    lookup.spans.map(({ id }) => toUuid(id)),
    logIds(lookup.writes),
    lookup.writes.map(({ key }) => key),
    logIds(lookup.heads),
    lookup.heads.map(({ subject }) => subject),
    ...pairs(lookup.idempotency),
    ...pairs(lookup.nonces),
  ]);
  const found = {
    spans: new Map<number, { index: number; digest: Uint8Array }>(),
    writes: new Map<number, number>(),
    heads: new Map<number, string>(),
    idempotency: new Map<number, { index: number; digest: Uint8Array }>(),
    nonces: new Map<number, { index: number; digest: Uint8Array }>(),
  };
  for (const { kind, at, index, digest, id } of rows.map(parseRow)) {
    if (kind === 0) found.spans.set(at, { index, digest });
    else if (kind === 1) found.writes.set(at, index);
    else if (kind === 2) found.heads.set(at, toSpanId(id));
    else if (kind === 3) found.idempotency.set(at, { index, digest });
    else found.nonces.set(at, { index, digest });
  }
  return found;
}

/** The columns are as the statement above makes them. */
function parseRow(row: Row): { kind: number; at: number; index: number; digest: Uint8Array; id: string } {
  return {
    kind: Number(row['kind']),
    at: Number(row['n']) - 1,
    index: Number(row['idx']),
    digest: row['digest'] instanceof Uint8Array ? row['digest'] : new Uint8Array(0),
    id: String(row['id']),
  };
}

const PREFIX = 'urn:span:';
export function toUuid(spanId: string): string {
  return spanId.slice(PREFIX.length);
}
export function toSpanId(uuid: string): string {
  return PREFIX + uuid;
}
