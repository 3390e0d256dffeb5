import { Migration } from '@mikro-orm/migrations';

export class Artifacts extends Migration {
  override up(): void {
    this.addSql(
      'create table artifact (tenant text not null, hash text not null, bytes bytea not null, stored_at timestamptz not null default now(), primary key (tenant, hash))',
    );
    this.addSql('alter table artifact alter column bytes set storage external');
    // nonces of signed requests that no commit spends (uploads); rows past their time are removed as new ones come
    this.addSql(
      'create table request_nonce (tenant text not null, kid text not null, nonce text not null, request_hash text not null, expires_at timestamptz not null, primary key (tenant, kid, nonce))',
    );
    this.addSql('create index request_nonce_expiry on request_nonce (expires_at)');
    this.addSql(
      'create table stream_ticket (hash text primary key, tenant text not null, token_hash text not null, expires_at timestamptz not null)',
    );
  }
}
