import type { Grant, Manifest, ProofIntent, RunnerAllowance, Span, Target } from '@logline/contracts';

/**
 * What one tenant's log says about who may do what: everything a verdict can rest on, and nothing else. It is plain data,
 * rebuilt at any time by folding the log (`fold`), and only `fold` changes it.
 *
 * Bounded by what is in force, not by the age of the log: of each container the latest 64 manifests and the open deploys, of
 * proofs those not yet expired. Keys, tokens, runners and revoked grants stay for good, because an id is never given twice.
 */
export type Knowledge = {
  readonly tenant: string;
  /** Last log index folded in, −1 for none. */
  index: number;
  /** Log time of that fact. */
  timeMs: number;
  /** Origin and verifier key of the log, as the tenant was born with them; null before. */
  log: { readonly origin: string; readonly key: string } | null;
  /** Each key that followed that one, in order. */
  readonly rotations: LogRotation[];
  /** Kid of the key the tenant was born with. */
  root: string | null;
  readonly keys: Map<string, KeyEntry>;
  readonly tokens: Map<string, TokenEntry>;
  readonly runners: Map<string, RunnerEntry>;
  /** By subject. */
  readonly containers: Map<string, Container>;
  /** By proof id, in the order they were allowed; forgotten once expired, which no deploy can undo. */
  readonly proofs: Map<string, ProofEntry>;
  /** A cause whose verdict is the next fact of the log. */
  pending: Span | null;
};

export type LogRotation = {
  /** Verifier key that signs from then on. */
  readonly key: string;
  /** First log time at which it does. */
  readonly fromMs: number;
};

export type KeyEntry = {
  readonly kid: string;
  /** 64 hex. */
  readonly pub: string;
  readonly role: 'client' | 'runner' | 'service';
  /** Of the service or runner; the kid itself for clients. */
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expMs: number | null;
  readonly status: 'active' | 'rotated' | 'compromised' | 'removed';
  /** First log index at which nothing of a compromised key counts any more. */
  readonly compromisedSince: number | null;
};

export type TokenEntry = {
  readonly tokenId: string;
  readonly hash: string;
  readonly scopes: readonly string[];
  readonly expMs: number | null;
  readonly status: 'active' | 'revoked';
};

export type RunnerEntry = {
  readonly runner: string;
  readonly kid: string;
  readonly hpkePub: string;
  readonly providers: readonly string[];
  readonly allow: RunnerAllowance;
  readonly status: 'active' | 'removed';
};

export type ManifestEntry = {
  readonly ref: string;
  readonly manifest: Manifest;
  /** Where it was first applied: ttls count from here at the latest, compromises bar from here on. */
  readonly index: number;
  readonly timeMs: number;
};

export type ProofEntry = {
  readonly id: string;
  readonly subject: string;
  readonly intent: ProofIntent;
  readonly ref: string | null;
  readonly kid: string;
  readonly aud: readonly string[];
  readonly expMs: number;
  /** Log index of its `wallet.proof.verified`. */
  readonly index: number;
  /** The deploy that used it up; null while unspent. */
  readonly spentBy: string | null;
};

/** How far a deploy has come; each step needs the one before (`reports.ts`). */
export const DEPLOY_STEPS = [
  'asked',
  'planned',
  'materializing',
  'materialized',
  'applied',
  'pending',
  'running',
  'closed',
] as const;
export type DeployStep = (typeof DEPLOY_STEPS)[number];

export type DeployRecord = {
  /** The client's span. */
  readonly deploy: string;
  /** Its log index: the number that only grows. */
  readonly lease: number;
  readonly action: 'apply' | 'stop';
  /** Of a stop: what it stops, known once it is planned. */
  readonly ref: string | null;
  readonly target: Target;
  /** Who signed it, and the proof it spent. */
  readonly kid: string;
  readonly proof: ProofEntry | null;
  readonly runner: string | null;
  readonly step: DeployStep;
  /** How it closed: the intent of the closing fact. */
  readonly closedBy: string | null;
};

export type Container = {
  readonly subject: string;
  /** Ref of the current manifest. */
  current: string | null;
  /** By ref; the least recently applied first. */
  readonly manifests: Map<string, ManifestEntry>;
  /** By lease, oldest first: all that are open, and the latest of each action that closed. */
  readonly deploys: Map<number, DeployRecord>;
  readonly revokedGrants: Set<string>;
  /** Ids of its proofs that no deploy has used, in the order they were allowed. */
  readonly unspentProofs: Set<string>;
};

/** Manifests kept of one container. An older ref must be applied again before it can be deployed. */
export const MAX_MANIFESTS = 64;

/** Knowledge of a log of which nothing was read yet. */
export function emptyKnowledge(tenant: string): Knowledge {
  return {
    tenant,
    index: -1,
    timeMs: 0,
    log: null,
    rotations: [],
    root: null,
    keys: new Map(),
    tokens: new Map(),
    runners: new Map(),
    containers: new Map(),
    proofs: new Map(),
    pending: null,
  };
}

/** Verifier key by which what the log says at this time is signed; null before the tenant is born. */
export function logKeyAt(knowledge: Knowledge, timeMs: number): string | null {
  const latest = knowledge.rotations.findLast(({ fromMs }) => fromMs <= timeMs);
  return latest?.key ?? knowledge.log?.key ?? null;
}

/** The manifest in force; null before the first. */
export function currentManifest(knowledge: Knowledge, subject: string): ManifestEntry | null {
  const container = knowledge.containers.get(subject);
  if (container === undefined || container.current === null) return null;
  return container.manifests.get(container.current) ?? null;
}

/** An applied manifest of this container; null when it never was, or is no longer among the latest. */
export function appliedManifest(knowledge: Knowledge, subject: string, ref: string): ManifestEntry | null {
  return knowledge.containers.get(subject)?.manifests.get(ref) ?? null;
}

/** The deploy or stop that a client's span asked for; null when unknown or long closed. */
export function deployOf(knowledge: Knowledge, subject: string, deploySpanId: string): DeployRecord | null {
  for (const record of knowledge.containers.get(subject)?.deploys.values() ?? []) {
    if (record.deploy === deploySpanId) return record;
  }
  return null;
}

/** Oldest first. */
export function openDeploys(knowledge: Knowledge, subject: string): readonly DeployRecord[] {
  const all = knowledge.containers.get(subject)?.deploys.values() ?? [];
  return [...all].filter((record) => record.step !== 'closed');
}

/** The grant of that id in a manifest. */
export function grantOf(manifest: Manifest, grantId: string): Grant | null {
  return manifest.grants?.find((grant) => grant.id === grantId) ?? null;
}

/** Keys that may change the registry and never expire. Without one the tenant could never add a key again. */
export function registryKeys(
  knowledge: Knowledge,
  may: (scopes: readonly string[]) => boolean,
): readonly KeyEntry[] {
  return [...knowledge.keys.values()].filter(
    (key) => key.role === 'client' && key.status === 'active' && key.expMs === null && may(key.scopes),
  );
}

/** Whether what this key signed counts no more at this place of the log (protocol §3). */
export function isCompromisedAt(knowledge: Knowledge, kid: string, index: number): boolean {
  const since = knowledge.keys.get(kid)?.compromisedSince ?? null;
  return since !== null && index >= since;
}
