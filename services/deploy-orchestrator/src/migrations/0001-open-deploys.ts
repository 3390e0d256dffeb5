import { Migration } from '@mikro-orm/migrations';
import { LEASE_TABLE_SQL } from '@logline/postgres';

export class OpenDeploys extends Migration {
  override up(): void {
    this.addSql(LEASE_TABLE_SQL);
    this.addSql('create table position (tenant text primary key, idx bigint not null)');
    this.addSql('create table cursor (stream text primary key, sequence bigint not null)');
    this.addSql(
      'create table container (tenant text not null, subject text not null, state jsonb not null, open_count int not null, primary key (tenant, subject))',
    );
    this.addSql('create index container_open on container (tenant) where open_count > 0');
    this.addSql(
      'create table blueprint (tenant text not null, ref text not null, deploy jsonb not null, primary key (tenant, ref))',
    );
    this.addSql(
      'create table runner (tenant text not null, runner text not null, providers jsonb not null, allow jsonb not null, primary key (tenant, runner))',
    );
  }
}
