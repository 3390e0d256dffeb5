import { Migration } from '@mikro-orm/migrations';

/** The newest checkpoint of each log that a quorum of witnesses has cosigned. Read by the gateway too. */
export class Cosigned extends Migration {
  override up(): void {
    this.addSql('create table cosigned (tenant text primary key, size bigint not null, note text not null)');
  }
}
