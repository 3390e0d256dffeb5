import { CanonError, parseHex, verifyObject } from '@logline/canon-sign';
import type { Span } from '@logline/contracts';
import type { LogKeyFollower, LogLineSDK } from '@logline/sdk';
import { leafHash, parseProof, TlogError, verifyProof, verifyReceiptInTime } from '@logline/tlog';
import { CliError } from '../errors.ts';
import { identityOf } from '../receipts/log-key.ts';
import { foldRegistry, type Registry, type RunnerRow } from './registry.ts';

const PAGE = 1000;
const MOST_PAGES = 100;

/** Every fact about a subject that fits, oldest first. @throws LogLineError; CliError `FAILED` when there are more than 100,000 */
export async function readAll(
  sdk: LogLineSDK,
  filter: { readonly subject: string; readonly intent?: string; readonly since?: string },
): Promise<readonly Span[]> {
  const spans: Span[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const {
      items,
      cursor: next,
      has_more,
    } = await sdk.query({ ...filter, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    spans.push(...items);
    if (!has_more || next === undefined) return spans;
    cursor = next;
  }
  throw new CliError('FAILED', `there are more than ${PAGE * MOST_PAGES} facts`, {
    fix: 'narrow it with --since',
  });
}

export async function readRegistry(
  sdk: LogLineSDK,
): Promise<{ readonly registry: Registry; readonly spans: readonly Span[] }> {
  const spans = await readAll(sdk, { subject: `urn:tenant:${sdk.tenant}`, intent: 'registry.*' });
  return { registry: foldRegistry(spans), spans };
}

/** What a wallet knows of a tenant beforehand. */
export type Trust = {
  readonly root: { readonly kid: string; readonly pub: string };
  readonly keys: LogKeyFollower;
};

/**
 * The runners that secrets may be wrapped to: registered by a fact that is proven in the log, signed by a key that leads back to the pinned
 * root (protocol §6). That nothing was left out, a removal say, no proof of this kind can show; the runner checks grants again for itself.
 *
 * @throws CliError `NOT_VERIFIED`
 */
export async function provenRunners(sdk: LogLineSDK, trust: Trust): Promise<readonly RunnerRow[]> {
  const { spans } = await readRegistry(sdk);
  const proven: Span[] = [];
  for (const span of spans) {
    // neither tokens nor what is said of the log itself says who runs what
    const isNeeded = !span.intent.startsWith('registry.apikey.') && !span.intent.startsWith('registry.log.');
    if (!isNeeded) continue;
    await verifyInLog(sdk, span, trust.keys);
    verifySigner(span, proven, trust);
    proven.push(span);
  }
  return [...foldRegistry(proven).runners.values()].filter(({ status }) => status === 'active');
}

/** By its receipt; one that is older than the pinned key, by the newest checkpoint, under which everything before it is too. */
async function verifyInLog(sdk: LogLineSDK, span: Span, keys: LogKeyFollower): Promise<void> {
  const [receipt, logged] = await Promise.all([sdk.receipt(span.this), sdk.span(span.this)]);
  if (receipt === null || logged === null) throw notVerified(span, 'has no receipt');
  const evidence = { receipt, spanBytes: logged.bytes };
  try {
    await keys.verify(parseProof(receipt.merkle).checkpoint, (known) => verifyReceiptInTime(evidence, known));
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    if (cause.code === 'UNKNOWN_KEY') return await verifyInTree(sdk, span, logged.bytes, keys);
    throw notVerified(span, `is not in the log as it is shown (${cause.code})`, cause);
  }
}

async function verifyInTree(
  sdk: LogLineSDK,
  span: Span,
  bytes: Uint8Array,
  keys: LogKeyFollower,
): Promise<void> {
  const proof = new TextDecoder().decode(await sdk.logFile(`inclusion?this=${span.this}`));
  try {
    await keys.verify(parseProof(proof).checkpoint, (known) =>
      verifyProof(proof, leafHash(bytes), identityOf(known)),
    );
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw notVerified(span, `is not in the log as it is shown: ${cause.message} (${cause.code})`, cause);
  }
}

/** The first fact names the pinned root; each later one is signed by a key that the ones before it made valid. */
function verifySigner(span: Span, before: readonly Span[], { root }: Trust): void {
  const registry = foldRegistry([...before, ...(span.intent === 'registry.tenant.created' ? [span] : [])]);
  if (span.intent === 'registry.tenant.created') {
    const named = registry.created?.root;
    if (before.length > 0 || named?.pub !== root.pub)
      throw notVerified(span, 'does not name the root key that this wallet has pinned');
    verify(span, () => verifyObject('possession', span.payload, parseHex(root.pub, 32)));
    return;
  }
  const key = registry.keys.get(span.signature.kid);
  if (key === undefined || !key.status.startsWith('active'))
    throw notVerified(span, `is signed by ${span.signature.kid}, which was no valid key then`);
  verify(span, () => verifyObject('span', span, parseHex(key.pub, 32)));
}

function verify(span: Span, run: () => void): void {
  try {
    run();
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw notVerified(span, 'carries a signature that is not of its key', cause);
  }
}

function notVerified(span: Span, why: string, cause?: unknown): CliError {
  return new CliError('NOT_VERIFIED', `the registry cannot be trusted: ${span.intent} ${span.this} ${why}`, {
    cause,
    fix: 'nothing was wrapped; ask the operator, and compare the pinned keys (logline wallet show)',
  });
}
