import { blake3Digest, formatHex, utf8 } from '@logline/canon-sign';
import type { StoredSuccession } from '@logline/tlog';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, withFileLock, writePrivate } from './files.ts';
import { isObject, type JsonObject } from './json-file.ts';

/** The manifest applied last for a tenant: what `wallet prove` and `deploy` take when nothing is said. */
export type LastApply = { readonly subject: string; readonly ref: string; readonly at: string };
/** A proof made and, as far as this machine knows, not spent. */
export type OpenProof = {
  readonly id: string;
  readonly intent: string;
  readonly subject: string;
  readonly ref?: string;
  readonly kid: string;
  readonly expMs: number;
};
/** How far a log has been verified: newest checkpoint, for which growth from every earlier one was shown. */
export type SeenLog = {
  readonly origin: string;
  readonly size: string;
  readonly root: string;
  readonly note: string;
  /** Log time of a receipt with this tree or an earlier one, milliseconds UTC. */
  readonly timeMs?: number;
};

const MAX_RECEIPTS = 1000;
const MAX_PROOFS = 32;

/**
 * What commands remember of each other, in small files of one folder. Nothing here is secret and nothing is trusted as a permission; losing it
 * loses comfort. One record a tenant and purpose.
 */
export class StateStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  get dir(): string {
    return this.#dir;
  }

  async lastApply(tenant: string): Promise<LastApply | null> {
    const record = await this.#read(`last-apply/${tenant}.json`);
    const { subject, ref, at } = record ?? {};
    return typeof subject === 'string' && typeof ref === 'string' && typeof at === 'string'
      ? { subject, ref, at }
      : null;
  }

  async setLastApply(tenant: string, apply: LastApply): Promise<void> {
    await this.#write(`last-apply/${tenant}.json`, apply);
  }

  async openProofs(tenant: string, nowMs: number): Promise<readonly OpenProof[]> {
    const list = (await this.#read(`proofs/${tenant}.json`))?.['proofs'];
    return Array.isArray(list) ? list.filter(isOpenProof).filter(({ expMs }) => expMs > nowMs) : [];
  }

  async addProof(tenant: string, proof: OpenProof, nowMs: number): Promise<void> {
    await this.#change(`proofs/${tenant}.json`, async () => {
      const open = await this.openProofs(tenant, nowMs);
      return { proofs: [...open, proof].slice(-MAX_PROOFS) };
    });
  }

  async dropProof(tenant: string, id: string, nowMs: number): Promise<void> {
    await this.#change(`proofs/${tenant}.json`, async () => ({
      proofs: (await this.openProofs(tenant, nowMs)).filter((proof) => proof.id !== id),
    }));
  }

  async seenLog(logKey: string): Promise<SeenLog | null> {
    const record = await this.#read(this.#fileOf('logs', logKey));
    const { origin, size, root, note, timeMs } = record ?? {};
    const isWhole =
      typeof origin === 'string' &&
      typeof size === 'string' &&
      typeof root === 'string' &&
      typeof note === 'string';
    return isWhole && /^\d{1,19}$/.test(size)
      ? { origin, size, root, note, ...(typeof timeMs === 'number' ? { timeMs } : {}) }
      : null;
  }

  async setSeenLog(logKey: string, seen: SeenLog): Promise<void> {
    await this.#write(this.#fileOf('logs', logKey), seen);
  }

  /** The rotations that lead on from a pinned log key, as they were proven here; null when there are none. They prove themselves again. */
  async succession(logKey: string): Promise<JsonObject | null> {
    return await this.#read(this.#fileOf('log-keys', logKey));
  }

  async setSuccession(logKey: string, succession: StoredSuccession): Promise<void> {
    await this.#write(this.#fileOf('log-keys', logKey), succession);
  }

  /** Keeps `{span, receipt}` so that it can be verified offline for ever; beyond a thousand a tenant the oldest go. Gives the path. */
  async saveReceipt(tenant: string, index: number, spanId: string, record: object): Promise<string> {
    const folder = join('receipts', tenant);
    const path = join(folder, `${String(index).padStart(12, '0')}-${spanId.replace(/^urn:span:/, '')}.json`);
    await this.#write(path, record);
    const names = (await readdir(join(this.#dir, folder))).filter((name) => name.endsWith('.json')).sort();
    await Promise.all(
      names
        .slice(0, Math.max(0, names.length - MAX_RECEIPTS))
        .map((name) => rm(join(this.#dir, folder, name), { force: true })),
    );
    return join(this.#dir, path);
  }

  /** The saved `{span, receipt}` of a span, of whatever tenant; null when it is not kept here. */
  async findReceipt(spanId: string): Promise<JsonObject | null> {
    const wanted = `-${spanId.replace(/^urn:span:/, '')}.json`;
    const tenants = await readdir(join(this.#dir, 'receipts')).catch(() => []);
    for (const tenant of tenants) {
      const names = await readdir(join(this.#dir, 'receipts', tenant)).catch(() => []);
      const name = names.find((candidate) => candidate.endsWith(wanted));
      if (name !== undefined) return await this.#read(join('receipts', tenant, name));
    }
    return null;
  }

  #fileOf(folder: 'logs' | 'log-keys', logKey: string): string {
    return `${folder}/${formatHex(blake3Digest(utf8(logKey))).slice(0, 32)}.json`;
  }

  async #change(name: string, next: () => Promise<object>): Promise<void> {
    await withFileLock(join(this.#dir, name), async () => this.#write(name, await next()));
  }

  async #read(name: string): Promise<JsonObject | null> {
    const bytes = await readIfThere(join(this.#dir, name));
    if (bytes === null) return null;
    try {
      const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
      return isObject(value) ? value : null;
    } catch {
      return null; // a file somebody else touched: comfort lost, nothing else
    }
  }

  async #write(name: string, record: object): Promise<void> {
    await writePrivate(join(this.#dir, name), utf8(`${JSON.stringify(record)}\n`));
  }
}

function isOpenProof(value: unknown): value is OpenProof {
  if (!isObject(value)) return false;
  const { id, intent, subject, kid, expMs } = value;
  return (
    typeof id === 'string' &&
    typeof intent === 'string' &&
    typeof subject === 'string' &&
    typeof kid === 'string' &&
    typeof expMs === 'number'
  );
}
