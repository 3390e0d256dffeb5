import { Migration } from '@mikro-orm/migrations';
import { LEASE_TABLE_SQL } from '@logline/postgres';

/** Read by the gateway too: a column that is renamed here is renamed there. */
export class Views extends Migration {
  override up(): void {
    this.addSql(LEASE_TABLE_SQL);
    // how far the stream was read: where to begin, never what to skip
    this.addSql('create table cursor (stream text primary key, sequence bigint not null)');
    this.addSql('create table log (tenant text primary key, origin text not null, size bigint not null)');
    this.addSql(`create table span (
      tenant text not null, idx bigint not null, this text not null, intent text not null, subject text not null,
      log_time_ms bigint not null, leaf bytea not null, receipt_signature text not null, bytes bytea not null,
      primary key (tenant, idx))`);
    this.addSql('alter table span alter column bytes set storage external');
    this.addSql('create unique index span_this on span (tenant, this)');
    this.addSql('create index span_subject on span (tenant, subject, idx)');
    this.addSql(
      'create table checkpoint (tenant text not null, size bigint not null, note text not null, primary key (tenant, size))',
    );
    // full tiles only; root is the tile's own hash, so that a partial tile one level up is a plain select
    this.addSql(
      'create table tile (tenant text not null, level int not null, n bigint not null, hashes bytea not null, root bytea not null, primary key (tenant, level, n))',
    );
    this.addSql('alter table tile alter column hashes set storage external');
    this.addSql(
      'create table api_token (tenant text not null, token_id text not null, hash text not null unique, scopes jsonb not null, exp_ms bigint, status text not null, primary key (tenant, token_id))',
    );
    this.addSql(
      'create table signing_key (tenant text not null, kid text not null, pub text not null, role text not null, scopes jsonb not null, exp_ms bigint, status text not null, primary key (tenant, kid))',
    );
    this.addSql(
      'create table subject_state (tenant text not null, subject text not null, head text, idx bigint not null, state jsonb not null, primary key (tenant, subject))',
    );
  }
}
