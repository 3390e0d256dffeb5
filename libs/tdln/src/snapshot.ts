import { blake3Hash, canonicalBytes, type JsonValue } from '@logline/canon-sign';
import type { Span } from '@logline/contracts';
import { TdlnError } from './errors.ts';
import { emptyKnowledge, type Container, type Knowledge } from './knowledge.ts';

/** Bumped with every change of what knowledge holds; an older snapshot is not upcast, since the log can always be folded again. */
const VERSION = 2;

type StoredContainer = Omit<Container, 'manifests' | 'deploys' | 'revokedGrants' | 'unspentProofs'> & {
  readonly manifests: readonly (Container['manifests'] extends Map<string, infer Entry> ? Entry : never)[];
  readonly deploys: readonly (Container['deploys'] extends Map<number, infer Entry> ? Entry : never)[];
  readonly revokedGrants: readonly string[];
  readonly unspentProofs: readonly string[];
};
type ValuesOf<M> = M extends Map<string, infer Entry> ? readonly Entry[] : never;
type Stored = Pick<Knowledge, 'tenant' | 'index' | 'timeMs' | 'log' | 'rotations' | 'root'> & {
  readonly keys: ValuesOf<Knowledge['keys']>;
  readonly tokens: ValuesOf<Knowledge['tokens']>;
  readonly runners: ValuesOf<Knowledge['runners']>;
  readonly containers: readonly StoredContainer[];
  readonly proofs: ValuesOf<Knowledge['proofs']>;
  readonly pending: Span | null;
};

/** The knowledge as JSON, with a hash over it. Orders are kept: knowledge parsed from it folds on exactly as this one does. */
export function snapshotOf(knowledge: Knowledge): JsonValue {
  const json = JSON.parse(JSON.stringify(storedOf(knowledge))) as JsonValue; // plain data by construction; this also cuts it off from what goes on changing
  return { v: VERSION, hash: blake3Hash(canonicalBytes(json)), body: json };
}

/**
 * The same as text, in pieces, without a hash: for whoever has better to do than to write all of it at once. It is the knowledge of the moment of the
 * call, whatever is folded before the last piece is taken.
 */
export function snapshotText(knowledge: Knowledge): Iterable<string> {
  return piecesOf(storedOf(knowledge));
}

function* piecesOf({ containers, ...head }: Stored): Generator<string> {
  yield `{"v":${VERSION},"body":${JSON.stringify(head).slice(0, -1)},"containers":[`;
  for (const [i, container] of containers.entries())
    yield `${i === 0 ? '' : ','}${JSON.stringify(container)}`;
  yield ']}}';
}

/** Cut off from what goes on changing: what it still shares with the knowledge, `fold` replaces and never changes. */
function storedOf(knowledge: Knowledge): Stored {
  const { tenant, index, timeMs, log, rotations, root, pending } = knowledge;
  return {
    tenant,
    index,
    timeMs,
    log,
    rotations,
    root,
    pending,
    keys: [...knowledge.keys.values()],
    tokens: [...knowledge.tokens.values()],
    runners: [...knowledge.runners.values()],
    proofs: [...knowledge.proofs.values()],
    containers: [...knowledge.containers.values()].map((container) => ({
      subject: container.subject,
      current: container.current,
      manifests: [...container.manifests.values()],
      deploys: [...container.deploys.values()],
      revokedGrants: [...container.revokedGrants],
      unspentProofs: [...container.unspentProofs],
    })),
  };
}

/**
 * The knowledge that a snapshot holds. The hash is what makes its shape trustworthy: only this version's `snapshotOf` made it.
 *
 * @throws TdlnError `BAD_SNAPSHOT` when it is damaged, of another version, or none at all: fold the log instead
 */
export function parseSnapshot(json: JsonValue): Knowledge {
  const { v, hash, body } = isRecord(json) ? json : {};
  if (v !== VERSION || body === undefined || !isRecord(body))
    throw new TdlnError('BAD_SNAPSHOT', `not a snapshot of version ${VERSION}`);
  if (hash !== blake3Hash(canonicalBytes(body)))
    throw new TdlnError('BAD_SNAPSHOT', 'the snapshot does not have the hash it names');
  return knowledgeOf(body as unknown as Stored); // parse boundary: its hash was just verified
}

/**
 * The knowledge that `snapshotText` wrote. The caller has made sure that the text is whole, by a hash of its own.
 * @throws TdlnError `BAD_SNAPSHOT` when it is of another version, or none at all
 */
export function parseSnapshotText(text: string): Knowledge {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new TdlnError('BAD_SNAPSHOT', 'a snapshot that is not JSON', { cause });
  }
  const { v, body } = Object(json) as { v?: unknown; body?: unknown }; // whatever is there
  if (v !== VERSION || typeof body !== 'object' || body === null)
    throw new TdlnError('BAD_SNAPSHOT', `not a snapshot of version ${VERSION}`);
  return knowledgeOf(body as Stored); // parse boundary: its hash is the caller's
}

function knowledgeOf(stored: Stored): Knowledge {
  const knowledge = emptyKnowledge(stored.tenant);
  knowledge.index = stored.index;
  knowledge.timeMs = stored.timeMs;
  knowledge.log = stored.log;
  knowledge.rotations.push(...stored.rotations);
  knowledge.root = stored.root;
  knowledge.pending = stored.pending;
  for (const key of stored.keys) knowledge.keys.set(key.kid, key);
  for (const token of stored.tokens) knowledge.tokens.set(token.tokenId, token);
  for (const runner of stored.runners) knowledge.runners.set(runner.runner, runner);
  for (const proof of stored.proofs) knowledge.proofs.set(proof.id, proof);
  for (const { subject, current, manifests, deploys, revokedGrants, unspentProofs } of stored.containers) {
    knowledge.containers.set(subject, {
      subject,
      current,
      manifests: new Map(manifests.map((entry) => [entry.ref, entry])),
      deploys: new Map(deploys.map((record) => [record.lease, record])),
      revokedGrants: new Set(revokedGrants),
      unspentProofs: new Set(unspentProofs),
    });
  }
  return knowledge;
}

function isRecord(json: JsonValue): json is { readonly [key: string]: JsonValue } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
