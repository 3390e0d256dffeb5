import { formatBase64, parseBase64 } from '@logline/canon-sign';
import {
  consistencyNodes,
  formatTilePath,
  type LogReader,
  logKeysFrom,
  proveConsistency,
  tileReader,
  tilesOfNodes,
  TlogError,
  type TreeHead,
  verifyCheckpoint,
  verifyConsistency,
  verifyNote,
} from '@logline/tlog';
import type { LogKeyFollower } from '@logline/sdk';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { identityOf } from '../receipts/log-key.ts';
import { type HttpLog, pause } from './http-log.ts';
import type { OpenLog } from './open-log.ts';

/** A head the log's key signed, with the signed note. */
export type SignedHead = TreeHead & { readonly note: string };
/** What was verified before. `timeMs`: a log time, milliseconds UTC, that had come when the log had this size. */
type SeenHead = TreeHead & { readonly timeMs?: number };

/** `first`: nothing was pinned before; `grown`: from what was pinned; `same`: it is what was pinned. */
export type PinnedHead = {
  readonly head: SignedHead;
  readonly growth: 'first' | 'grown' | 'same';
  readonly before: SeenHead | null;
};

/** Receipts are pinned the moment they are given; what is served may be a moment behind. */
const LAG_MS = 5000;
const ASK_AGAIN_MS = 250;

/**
 * The newest checkpoint, signed by the key that is meant, or by one that its rotations lead to, and grown from the one pinned before; it is the pinned one from now on.
 *
 * @throws CliError `NOT_VERIFIED` with what to keep as evidence; `NOT_FOUND` when there is no such log to read
 */
export async function takeHead(context: Context, { http, keys, keyText }: OpenLog): Promise<PinnedHead> {
  const state = await context.state();
  const pinned = await pinnedHead(context, keyText);
  const until = Date.now() + LAG_MS;
  let head = await fetchHead(http, keys);
  while (pinned !== null && head.size < pinned.size && Date.now() < until) {
    await pause(ASK_AGAIN_MS, context.deadline);
    head = await fetchHead(http, keys);
  }
  if (pinned !== null && head.size < pinned.size)
    throw new CliError(
      'NOT_VERIFIED',
      `${head.origin} shows ${head.size} entries and had ${pinned.size} before: a log never shrinks`,
      {
        fix: `a cache that is minutes old may be in between; else keep ${state.dir} as evidence and tell the operator`,
      },
    );
  if (pinned !== null) {
    checkSigner(head, keys, pinned.timeMs);
    await checkGrowth(http, pinned, head, state.dir);
  }
  if (pinned === null || head.size > pinned.size) await pin(context, keyText, head, pinned?.timeMs);
  const growth = pinned === null ? 'first' : head.size === pinned.size ? 'same' : 'grown';
  return { head, growth, before: pinned };
}

/** What was verified before under this key; null when nothing was. */
export async function pinnedHead(context: Context, keyText: string): Promise<SeenHead | null> {
  const seen = await (await context.state()).seenLog(keyText);
  return seen === null
    ? null
    : {
        origin: seen.origin,
        size: BigInt(seen.size),
        root: parseBase64(seen.root),
        ...(seen.timeMs === undefined ? {} : { timeMs: seen.timeMs }),
      };
}

export async function pin(
  context: Context,
  keyText: string,
  { origin, size, root, note }: SignedHead,
  timeMs: number | undefined,
): Promise<void> {
  const seen = { origin, size: String(size), root: formatBase64(root), note };
  await (await context.state()).setSeenLog(keyText, timeMs === undefined ? seen : { ...seen, timeMs });
}

/** A head no smaller than one that was seen is no older: a key whose time was over by then does not sign it, even if somebody has found it. */
function checkSigner({ note }: SignedHead, { keys }: LogKeyFollower, timeMs: number | undefined): void {
  if (timeMs === undefined) return;
  const since = logKeysFrom(keys, timeMs);
  try {
    verifyNote(note, identityOf(since).vkeys);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError(
      'NOT_VERIFIED',
      `the checkpoint is signed by a key of ${since[0].vkey.name} whose time is over: ${cause.message} (${cause.code})`,
      { cause, fix: 'keep it as evidence and tell the operator: somebody has the old key' },
    );
  }
}

/** The newest signed checkpoint, or that of a size our own gateway is asked for. @throws CliError */
export async function fetchHead(http: HttpLog, keys: LogKeyFollower, size?: bigint): Promise<SignedHead> {
  const path = size === undefined ? 'checkpoint' : `checkpoint?size=${size}`;
  const note = await http.text(path);
  if (note === null) {
    if (size !== undefined)
      throw new CliError('NOT_FOUND', `${http.prefix} has no checkpoint of size ${size}`);
    throw new CliError('NOT_FOUND', `there is no log at ${http.prefix} that may be read like this`, {
      fix: http.hasCredentials
        ? 'check the tenant and its token: logline doctor'
        : 'a private log needs its token: set LOGLINE_API_KEY, or logline login',
    });
  }
  const head = await readHead(note, keys, `${http.prefix}/checkpoint`);
  if (size !== undefined && head.size !== size)
    throw new CliError(
      'NOT_VERIFIED',
      `asked for the checkpoint of size ${size}, ${http.prefix} gave that of size ${head.size}`,
    );
  return head;
}

/** A signed checkpoint from wherever, by any key of the log's. @throws CliError `NOT_VERIFIED`; RotationInvalidError */
export async function readHead(note: string, keys: LogKeyFollower, where: string): Promise<SignedHead> {
  try {
    return { ...(await keys.verify(note, (known) => verifyCheckpoint(note, identityOf(known)))), note };
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError(
      'NOT_VERIFIED',
      `the checkpoint at ${where} does not hold: ${cause.message} (${cause.code})`,
      {
        cause,
        fix: `compare the key of ${keys.keys[0].vkey.name} with that of its operator, by another way than this server`,
      },
    );
  }
}

/**
 * That `newer` grew from `older`, by the log's tiles: no proof of its own making is asked for.
 * @throws CliError `NOT_VERIFIED`
 */
export async function checkGrowth(
  reader: LogReader,
  older: TreeHead,
  newer: SignedHead,
  evidence: string,
): Promise<void> {
  const wanted = tilesOfNodes(consistencyNodes(older.size, newer.size), newer.size);
  const tiles = new Map(
    await Promise.all(wanted.map(async (tile) => [formatTilePath(tile), await reader.tile(tile)] as const)),
  );
  try {
    const readNode = tileReader(newer.size, (tile) => tiles.get(formatTilePath(tile)) ?? new Uint8Array());
    const proof = proveConsistency(older.size, newer.size, readNode);
    verifyConsistency({ oldSize: older.size, newSize: newer.size, proof }, older.root, newer.root);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    const what =
      cause.code === 'ROOT_MISMATCH'
        ? `shows two histories: size ${older.size} as seen before is no part of size ${newer.size}`
        : `does not show that it only grew from ${older.size} to ${newer.size} entries`;
    throw new CliError('NOT_VERIFIED', `${newer.origin} ${what} (${cause.code})`, {
      cause,
      fix: `keep both signed checkpoints as evidence (${evidence}) and tell the operator; if the installation was made anew, remove that folder`,
    });
  }
}
