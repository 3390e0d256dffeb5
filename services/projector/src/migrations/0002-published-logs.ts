import { Migration } from '@mikro-orm/migrations';

/** Read by the gateway: who may read a log, and where in it a leaf stands. */
export class PublishedLogs extends Migration {
  override up(): void {
    this.addSql('alter table log add column is_public boolean not null default false');
    // a leaf is 32 random bytes: hashed it costs a small page a fact, where a tree of them would be written all over
    this.addSql('create index span_leaf on span using hash (leaf)');
  }
}
