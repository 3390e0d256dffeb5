import { Migration } from '@mikro-orm/migrations';

/**
 * What each witness has cosigned last of each log. Only the newest: where the next consistency proof begins, and what is cosigned with
 * the others at one size. Losing it loses nothing, a witness says its size when asked.
 */
export class CreateCosignature extends Migration {
  override up(): void {
    this.addSql(`
CREATE TABLE cosignature (
  size    bigint NOT NULL CHECK (size > 0),
  log_id  int    NOT NULL,
  witness text   NOT NULL,
  line    text   NOT NULL,
  PRIMARY KEY (log_id, witness)
) WITH (fillfactor = 80)`);
  }
}
