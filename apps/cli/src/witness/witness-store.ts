import {
  type Checkpoint,
  cosignaturesOf,
  decodeNote,
  parseCheckpoint,
  parseNote,
  toCosignerKey,
} from '@logline/tlog';
import { createHash } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import { readIfThere } from '../files.ts';
import type { FolderLock } from './folder-lock.ts';
import type { WitnessKey } from './witness-folder.ts';

/** What was last cosigned for one log. */
export type Cosigned = { readonly checkpoint: Checkpoint; readonly note: string };

/**
 * The newest cosigned checkpoint of each log, one file each. `save` has it on disk, file and folder, before it resolves; a crash
 * leaves the old one or the new one. Not safe to save one log from two places at once: its caller takes turns.
 */
export class WitnessStore {
  readonly #folder: string;
  readonly #key: WitnessKey;
  readonly #lock: Pick<FolderLock, 'isHeld'>;
  /** As on disk. By origin; dropped when a write's outcome is not known. */
  readonly #known = new Map<string, Cosigned | null>();

  constructor(folder: string, key: WitnessKey, lock: Pick<FolderLock, 'isHeld'>) {
    this.#folder = folder;
    this.#key = key;
    this.#lock = lock;
  }

  /** What a crash may have left half written. */
  async removeLeftovers(): Promise<void> {
    for (const name of await readdir(this.#folder))
      if (name.endsWith('.tmp')) await rm(join(this.#folder, name), { force: true });
  }

  /**
   * Null when nothing was ever cosigned for it.
   * @throws CliError `FAILED` when what is stored is not what this witness once cosigned: never taken for nothing
   */
  async load(origin: string): Promise<Cosigned | null> {
    const known = this.#known.get(origin);
    if (known !== undefined) return known;
    const bytes = await readIfThere(this.#pathOf(hashOf(origin)));
    const cosigned = bytes === null ? null : this.#parse(bytes, origin);
    this.#known.set(origin, cosigned);
    return cosigned;
  }

  /** The note as monitors are served it, by hex SHA-256 of its origin; null when there is none. */
  async read(originHash: string): Promise<Uint8Array | null> {
    return await readIfThere(this.#pathOf(originHash));
  }

  /** @throws CliError `CONFLICT` when the folder is not ours any more; whatever the disk says. The old or the new note is there then */
  async save(origin: string, cosigned: Cosigned): Promise<void> {
    this.#known.delete(origin);
    const path = this.#pathOf(hashOf(origin));
    const temporary = `${path}.tmp`;
    const file = await open(temporary, 'w', 0o644);
    try {
      await file.writeFile(cosigned.note);
      await file.sync();
    } finally {
      await file.close();
    }
    if (!(await this.#lock.isHeld()))
      throw new CliError('CONFLICT', 'another process has taken the folder of this witness');
    await rename(temporary, path);
    await syncFolder(this.#folder);
    this.#known.set(origin, cosigned);
  }

  #parse(bytes: Uint8Array, origin: string): Cosigned {
    try {
      const note = decodeNote(bytes);
      const { name, signer } = this.#key;
      const checkpoint = parseCheckpoint(parseNote(note).text);
      if (
        checkpoint.origin === origin &&
        cosignaturesOf(note, [toCosignerKey(name, signer.publicKey)]).length > 0
      )
        return { checkpoint, note };
    } catch (cause) {
      throw damaged(origin, { cause });
    }
    throw damaged(origin);
  }

  #pathOf(originHash: string): string {
    return join(this.#folder, `${originHash}.checkpoint`);
  }
}

/** What a log is called in a witness's URLs: lower-case hex SHA-256 of its origin. */
export function hashOf(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function damaged(origin: string, options?: ErrorOptions): CliError {
  return new CliError('FAILED', `the stored checkpoint of ${origin} is not what this witness cosigned`, {
    ...options,
    fix: `bring back the newest copy of ${hashOf(origin)}.checkpoint; nothing is cosigned for this log until then`,
  });
}
