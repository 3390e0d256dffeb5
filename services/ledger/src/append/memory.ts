import { formatHex } from '@logline/canon-sign';
import type { Changes } from '../domain/draft.ts';
import {
  keyOf,
  type Known,
  type LogPosition,
  type Placed,
  type Questions,
  type Spent,
} from '../domain/known.ts';
import type { Log, Seal } from '../domain/seal.ts';
import type { Sql } from '../storage/append-connection.ts';
import { findKnown } from '../storage/find-known.ts';
import { loadLogs } from '../storage/load-logs.ts';
import { loadTree } from '../storage/load-tree.ts';
import { Lru } from './lru.ts';

/** Some 10 KiB each, and hardly ever twice that: mostly the partial tile of its newest leaves. */
const MOST_LOGS = 2_000;
const MOST_KEYS = 100_000;
const MOST_HEADS = 50_000;
/** Trees that are read at once: what they are made of is many times what they are. */
const TREES_AT_ONCE = 16;

/**
 * What the leader remembers between turns. True only while its epoch is held and every commit's outcome is known: nobody else writes.
 * Whatever is not remembered is asked of PostgreSQL, so forgetting is always safe.
 */
export class Memory {
  /** In a box each: of a log that grows all the time its map would keep every earlier state until the next full collection (see `HeldMessages`). */
  readonly #logs = new Lru<{ log: Log }>(MOST_LOGS);
  /** −1 for never. */
  readonly #writes = new Lru<number>(MOST_KEYS);
  /** Null for none. */
  readonly #heads = new Lru<string | null>(MOST_HEADS);

  forget(): void {
    this.#logs.clear();
    this.#writes.clear();
    this.#heads.clear();
  }

  /** The tenant's log is in the partition, as far as is remembered. */
  has(tenant: string): boolean {
    return this.#logs.get(tenant) !== undefined;
  }

  /** All that a batch asks about: from memory, and the rest in one statement. Logs that exist come with it. */
  async recall(
    questions: Questions,
    sql: Sql,
    partition: number,
  ): Promise<{ known: Known; logs: ReadonlyMap<string, Log> }> {
    const logs = await this.#recallLogs([...questions.tenants], sql, partition);
    const writes = new Map<string, number>();
    const heads = new Map<string, string>();
    const asked = {
      spans: withLog(questions.spans, logs),
      writes: [] as WithLog[],
      heads: [] as WithLog[],
      idempotency: withLog(questions.idempotency, logs),
      nonces: withLog(questions.nonces, logs),
    };
    for (const question of withLog(questions.writes, logs)) {
      const index = this.#writes.get(question.at);
      if (index === undefined) asked.writes.push(question);
      else writes.set(question.at, index);
    }
    for (const question of withLog(questions.heads, logs)) {
      const head = this.#heads.get(question.at);
      if (head === undefined) asked.heads.push(question);
      else if (head !== null) heads.set(question.at, head);
    }
    const found = await findKnown(sql, {
      spans: asked.spans.map(({ logId, name }) => ({ logId, id: name })),
      writes: asked.writes.map(({ logId, name }) => ({ logId, key: name })),
      heads: asked.heads.map(({ logId, name }) => ({ logId, subject: name })),
      idempotency: asked.idempotency,
      nonces: asked.nonces,
    });
    asked.writes.forEach(({ at }, position) => {
      const index = found.writes.get(position) ?? -1;
      this.#writes.set(at, index);
      writes.set(at, index);
    });
    asked.heads.forEach(({ at }, position) => {
      const head = found.heads.get(position);
      this.#heads.set(at, head ?? null);
      if (head !== undefined) heads.set(at, head);
    });
    const spent = (
      questioned: readonly WithLog[],
      answers: ReadonlyMap<number, { index: number; digest: Uint8Array }>,
    ) => {
      const known = new Map<string, Spent & Placed>();
      for (const [position, { index, digest }] of answers) {
        const question = questioned[position];
        if (question !== undefined) known.set(question.at, { index, hash: `blake3:${formatHex(digest)}` });
      }
      return known;
    };
    return {
      known: {
        logs: new Map(
          [...logs].map(([tenant, { size, timeMs, keys }]): [string, LogPosition] => [
            tenant,
            { size, timeMs, keys },
          ]),
        ),
        spans: spent(asked.spans, found.spans),
        heads,
        writes,
        idempotency: spent(asked.idempotency, found.idempotency),
        nonces: spent(asked.nonces, found.nonces),
      },
      logs,
    };
  }

  /** What a commit has changed, once it is known to have happened. */
  learn(changes: Changes, seals: readonly Seal[]): void {
    for (const { after } of seals) this.#keep(after);
    for (const [at, { index }] of changes.writes) this.#writes.set(at, index);
    for (const [at, head] of changes.heads) this.#heads.set(at, head.this);
  }

  #keep(log: Log): void {
    const box = this.#logs.get(log.tenant);
    if (box === undefined) this.#logs.set(log.tenant, { log });
    else box.log = log;
  }

  async #recallLogs(tenants: readonly string[], sql: Sql, partition: number): Promise<Map<string, Log>> {
    const logs = new Map<string, Log>();
    const cold: string[] = [];
    for (const tenant of tenants) {
      const log = this.#logs.get(tenant)?.log;
      if (log === undefined) cold.push(tenant);
      else logs.set(tenant, log);
    }
    if (cold.length === 0) return logs;
    const stored = await loadLogs(sql, partition, cold);
    for (let at = 0; at < stored.length; at += TREES_AT_ONCE) {
      const group = stored.slice(at, at + TREES_AT_ONCE);
      for (const log of await Promise.all(group.map((one) => loadTree(sql, one)))) {
        this.#keep(log);
        logs.set(log.tenant, log);
      }
    }
    return logs;
  }
}

type WithLog = { readonly logId: number; readonly at: string; readonly name: string; readonly owner: string };

/** Of a tenant without a log nothing can be known, so nothing is asked. */
function withLog(
  questions: readonly { tenant: string; name: string; owner?: string }[],
  logs: ReadonlyMap<string, Log>,
): WithLog[] {
  return questions.flatMap(({ tenant, name, owner }) => {
    const log = logs.get(tenant);
    const at = owner === undefined ? keyOf(tenant, name) : keyOf(tenant, owner, name);
    return log === undefined ? [] : [{ logId: log.logId, at, name, owner: owner ?? '' }];
  });
}
