import { formatBase64, parseBase64 } from '@logline/canon-sign';
import { parseSubject, type Receipt } from '@logline/contracts';
import type { LogKeyFollower, LogLineSDK, SignedSpan } from '@logline/sdk';
import {
  formatTilePath,
  growthTiles,
  parseProof,
  TlogError,
  type TileId,
  type TreeHead,
  verifyGrowthFromTiles,
  type VerifiedReceipt,
  verifyReceiptInTime,
} from '@logline/tlog';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import type { SeenLog, StateStore } from '../state-store.ts';
import { connect, freeTokenOf } from '../gateway.ts';
import { followerOf, pinnedLogKey } from './log-key.ts';

/** `grown`: the log was shown to have grown from what was seen before; `later`: its tiles are not served yet, the next receipt will show it. */
export type TakenReceipt = {
  readonly receipt: Receipt;
  readonly path: string;
  readonly verified: 'yes' | 'no log key';
  readonly growth: 'first' | 'grown' | 'later' | 'unchecked';
};

/**
 * Verifies a receipt the moment it arrives and keeps it with its span. With a pinned log key a receipt that does not hold is an error: somebody
 * else signed it, or the log lied. Where the log has gone on to another key, its rotations are followed from the pinned one.
 *
 * @throws CliError `NOT_VERIFIED`; RotationInvalidError
 */
export async function takeReceipt(
  context: Context,
  sdk: LogLineSDK,
  { span, bytes }: SignedSpan,
  receipt: Receipt,
): Promise<TakenReceipt> {
  const { tenant } = parseSubject(span.subject);
  const state = await context.state();
  const key = await pinnedLogKey(context, tenant, receipt.log);
  if (key === null) {
    context.out.warn(
      `receipt kept but not verified: no log key is pinned for ${receipt.log} (logline login --log-key <vkey>)`,
    );
    const path = await state.saveReceipt(tenant, receipt.index, span.this, { span, receipt });
    return { receipt, path, verified: 'no log key', growth: 'unchecked' };
  }
  const follower = followerOf(context, key, () => readRotations(context, sdk));
  const verified = await verify(receipt, bytes, follower);
  const path = await state.saveReceipt(tenant, receipt.index, span.this, {
    span,
    receipt,
    log_key: key.text,
  });
  return {
    receipt,
    path,
    verified: 'yes',
    growth: await checkGrowth(state, sdk, key.text, { ...verified, timeMs: Date.parse(receipt.ts) }),
  };
}

/** The operator signs for a tenant and may not read its log; the tenant's own token may, where there is one. */
async function readRotations(context: Context, sdk: LogLineSDK): Promise<Uint8Array | null> {
  const { tenant } = sdk;
  const apiKey = await freeTokenOf(context, tenant);
  return await (apiKey === null ? sdk : await connect(context, { tenant, apiKey })).logRotations();
}

async function verify(
  receipt: Receipt,
  spanBytes: Uint8Array,
  follower: LogKeyFollower,
): Promise<VerifiedReceipt> {
  try {
    return await follower.verify(parseProof(receipt.merkle).checkpoint, (keys) =>
      verifyReceiptInTime({ receipt, spanBytes }, keys),
    );
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError(
      'NOT_VERIFIED',
      `the receipt of ${receipt.this} does not hold: ${cause.message} (${cause.code})`,
      {
        cause,
        fix: 'do not rely on it; compare the pinned log key with that of the operator (logline doctor)',
      },
    );
  }
}

type DatedHead = VerifiedReceipt & { readonly timeMs: number };

/** The head kept is always one for which growth from every earlier one was shown. */
async function checkGrowth(
  state: StateStore,
  sdk: LogLineSDK,
  logKey: string,
  head: DatedHead,
): Promise<TakenReceipt['growth']> {
  const seen = await state.seenLog(logKey);
  if (seen === null) {
    await state.setSeenLog(logKey, toSeen(head));
    return 'first';
  }
  const known = { origin: seen.origin, size: BigInt(seen.size), root: parseBase64(seen.root) };
  try {
    const tiles = await fetchTiles(sdk, growthTiles(known, head));
    if (tiles === null) return 'later';
    verifyGrowthFromTiles<TreeHead>(known, head, (tile) => tiles.get(formatTilePath(tile)));
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    // tiles that cannot be read prove nothing either way; the head stays where it was, so the question stays open
    if (cause.code !== 'ROOT_MISMATCH' && cause.code !== 'FORKED') return 'later';
    const what =
      cause.code === 'FORKED'
        ? `shows two histories: size ${known.size} as seen before is no part of size ${head.size}`
        : `serves tiles that do not lead to the checkpoint it signed`;
    throw new CliError('NOT_VERIFIED', `the log ${head.origin} ${what} (${cause.code})`, {
      cause,
      fix: `keep both signed checkpoints as evidence (${state.dir}) and tell the operator; if the installation was made anew, remove that folder`,
    });
  }
  if (head.size > known.size) await state.setSeenLog(logKey, toSeen(head));
  return 'grown';
}

/** Null when one of them is not served: the readers' view may be a moment behind the ledger. */
async function fetchTiles(
  sdk: LogLineSDK,
  tiles: readonly TileId[],
): Promise<ReadonlyMap<string, Uint8Array> | null> {
  const paths = tiles.map(formatTilePath);
  try {
    return new Map(await Promise.all(paths.map(async (path) => [path, await sdk.logFile(path)] as const)));
  } catch {
    return null;
  }
}

function toSeen({ origin, size, root, checkpoint, timeMs }: DatedHead): SeenLog {
  return { origin, size: String(size), root: formatBase64(root), note: checkpoint, timeMs };
}
