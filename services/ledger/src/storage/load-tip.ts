import { FIRST_TIP, type Tip } from '../domain/anchor.ts';
import type { Sql } from './append-connection.ts';
import { bytesOf } from './load-logs.ts';

const LOAD_TIP = {
  name: 'load_tip',
  text: `
SELECT p.position, p.chain, p.previous, l.epoch, EXISTS (SELECT 1 FROM log WHERE log.partition = $1) AS has_logs
  FROM (SELECT $1::int AS partition) AS q
  LEFT JOIN partition p ON p.partition = q.partition
  LEFT JOIN lease l ON l.name = $2`,
};

export type StoredTip = {
  readonly tip: Tip;
  /** The partition has no log. */
  readonly isEmpty: boolean;
  /** Of its lease; 0 when nobody ever led. */
  readonly epoch: number;
};

/** How far a partition has come, and who may lead it. */
export async function loadTip(sql: Sql, partition: number, leaseName: string): Promise<StoredTip> {
  const [row] = (await sql.run(LOAD_TIP, [partition, leaseName])).rows;
  const position = Number(row?.['position'] ?? 0);
  return {
    tip:
      position === 0
        ? FIRST_TIP
        : { position, chain: bytesOf(row?.['chain']), previous: bytesOf(row?.['previous']) },
    isEmpty: row?.['has_logs'] !== true,
    epoch: Number(row?.['epoch'] ?? 0),
  };
}
