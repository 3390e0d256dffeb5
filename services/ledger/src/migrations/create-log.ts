import { Migration } from '@mikro-orm/migrations';
import { LEASE_TABLE_SQL } from '@logline/postgres';

/**
 * The truth. No sequence and no serial: an index that a rolled-back transaction has used up would be a gap. No foreign keys: the one
 * writer checks more than they could, and they would cost a lookup per entry.
 */
export class CreateLog extends Migration {
  override up(): void {
    this.addSql(LEASE_TABLE_SQL);
    this.addSql(`
CREATE TABLE log (
  log_id    int    PRIMARY KEY,
  partition int    NOT NULL,
  size      bigint NOT NULL CHECK (size > 0),
  ts_ms     bigint NOT NULL,
  tenant    text   NOT NULL UNIQUE,
  origin    text   NOT NULL UNIQUE,
  root      bytea  NOT NULL CHECK (length(root) = 32),
  edge      bytea  NOT NULL
) WITH (fillfactor = 50)`); // rewritten by every commit: room for it on the page
    this.addSql(`
CREATE TABLE entry (
  idx        bigint NOT NULL,
  verdict_of bigint,
  ts_ms      bigint NOT NULL,
  log_id     int    NOT NULL,
  this       uuid   NOT NULL,
  hash       bytea  NOT NULL CHECK (length(hash) = 32),
  leaf       bytea  NOT NULL CHECK (length(leaf) = 32),
  receipt_signature bytea NOT NULL CHECK (length(receipt_signature) = 64),
  trace      bytea  NOT NULL,
  bytes      bytea  NOT NULL CHECK (length(bytes) BETWEEN 1 AND 65535),
  PRIMARY KEY (log_id, idx),
  UNIQUE (log_id, this)
)`);
    // signatures and hashes do not compress; trying costs more than it saves
    this.addSql('ALTER TABLE entry ALTER COLUMN bytes SET STORAGE EXTERNAL');
    this.addSql(`
CREATE TABLE tile (
  n      bigint   NOT NULL,
  log_id int      NOT NULL,
  level  smallint NOT NULL,
  hash   bytea    NOT NULL CHECK (length(hash) = 32),
  hashes bytea    NOT NULL CHECK (length(hashes) = 8192),
  PRIMARY KEY (log_id, level, n)
)`);
    this.addSql('ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL');
    this.addSql(`
CREATE TABLE checkpoint (
  size   bigint NOT NULL,
  log_id int    NOT NULL,
  note   text   NOT NULL,
  PRIMARY KEY (log_id, size)
)`);
    this.addSql(`
CREATE TABLE key_write (
  idx    bigint NOT NULL,
  log_id int    NOT NULL,
  key    text   NOT NULL,
  PRIMARY KEY (log_id, key)
) WITH (fillfactor = 80)`);
    this.addSql(`
CREATE TABLE head (
  log_id  int  NOT NULL,
  this    uuid NOT NULL,
  subject text NOT NULL,
  PRIMARY KEY (log_id, subject)
) WITH (fillfactor = 80)`);
    this.addSql(`
CREATE TABLE idempotency (
  idx          bigint NOT NULL,
  ts_ms        bigint NOT NULL,
  log_id       int    NOT NULL,
  token        text   NOT NULL,
  key          text   NOT NULL,
  payload_hash bytea  NOT NULL,
  PRIMARY KEY (log_id, token, key)
)`);
    this.addSql(`
CREATE TABLE nonce (
  idx          bigint NOT NULL,
  ts_ms        bigint NOT NULL,
  log_id       int    NOT NULL,
  kid          text   NOT NULL,
  nonce        text   NOT NULL,
  request_hash bytea  NOT NULL,
  PRIMARY KEY (log_id, kid, nonce)
)`);
    // rows lie in the order of their time, so a block range index finds the expired ones and costs nothing per row
    this.addSql('CREATE INDEX idempotency_ts_ms ON idempotency USING brin (ts_ms)');
    this.addSql('CREATE INDEX nonce_ts_ms ON nonce USING brin (ts_ms)');
    this.addSql(`
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % refused: a log only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$`);
    for (const table of ['entry', 'tile', 'checkpoint']) {
      this.addSql(`
CREATE TRIGGER ${table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()`);
      // the role owns its schema, so it takes the right away from itself; the trigger holds for whoever has it still
      this.addSql(`REVOKE UPDATE, DELETE, TRUNCATE ON ${table} FROM CURRENT_USER`);
    }
  }
}
