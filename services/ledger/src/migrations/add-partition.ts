import { Migration } from '@mikro-orm/migrations';

/** How far each partition has come, for the anchor: one row a partition, rewritten by every commit. */
export class AddPartition extends Migration {
  override up(): void {
    this.addSql(`
CREATE TABLE partition (
  partition int    PRIMARY KEY,
  position  bigint NOT NULL CHECK (position > 0),
  chain     bytea  NOT NULL CHECK (length(chain) = 32),
  previous  bytea  NOT NULL CHECK (length(previous) = 32)
) WITH (fillfactor = 50)`);
  }
}
