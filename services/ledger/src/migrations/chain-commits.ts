import { Migration } from '@mikro-orm/migrations';

/** Each commit's link (decision 0011). Null in what was committed before: nobody but the log's key could fill it in. */
export class ChainCommits extends Migration {
  override up(): void {
    this.addSql(`
ALTER TABLE checkpoint
  ADD COLUMN chain bytea CHECK (length(chain) = 32),
  ADD COLUMN chain_signature bytea CHECK (length(chain_signature) = 64),
  ADD COLUMN marks bytea,
  ADD CHECK ((chain IS NULL) = (chain_signature IS NULL) AND (chain IS NULL) = (marks IS NULL))`);
  }
}
