import fc from 'fast-check';
import type { Span } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import {
  appliedLog,
  apply,
  deploy,
  grant,
  key,
  keyAdd,
  Log,
  manifest,
  proof,
  prove,
  root,
  runnerAdd,
  secretManifest,
  span,
  stop,
  TENANT,
  WEB,
  type Fact,
} from '../test/world.ts';
import { fold } from './fold.ts';
import { emptyKnowledge, type Knowledge } from './knowledge.ts';
import { refOf } from './manifest-ref.ts';
import { parseSnapshot, snapshotOf } from './snapshot.ts';
import { validate, type Verdict } from './validate.ts';
import { verifyFact } from './verify-fact.ts';
import { writesOf } from './writes.ts';

const TENANT_URN = `urn:tenant:${TENANT}`;
const ci = key('ci');
const body = secretManifest();
const ref = refOf(WEB, body) ?? '';
const other = manifest({ version: '2' });

/** Things a client may say, each made anew, so that ids differ. */
const SAYINGS: readonly (() => Span)[] = [
  () => prove(proof({ ref, aud: ['ci'] })),
  () => prove(proof({ ref }, ci)),
  () => prove(proof({ intent: 'deploy.stop' })),
  () => deploy(ref),
  () => deploy(ref, {}, ci),
  () => deploy(refOf(WEB, other) ?? ''),
  () => stop(),
  () => apply(body),
  () => apply(other),
  () => keyAdd(ci, ['deploy:*', 'prove:*']),
  () => span(root, 'registry.key.revoke', TENANT_URN, { kid: 'ci', reason: 'rotated' }),
  () => span(root, 'registry.key.revoke', TENANT_URN, { kid: 'root', reason: 'compromised' }),
  () => span(root, 'registry.apikey.revoke', TENANT_URN, { token_id: 'none' }),
  () => span(root, 'wallet.grant.revoke', WEB, { grant: 'grt_db' }),
  () => runnerAdd('runner-2', key('runner-2-key')),
  () => span(root, 'registry.runner.remove', TENANT_URN, { runner: 'runner-1' }),
  () => span(root, 'registry.log.publish', TENANT_URN, { public: true }),
  () => apply(secretManifest(grant({ ttl: 'P1D' }))),
];
const [
  proveForRoot = () => prove(proof({ ref })),
  ,
  ,
  deployByRoot = () => deploy(ref),
  deployByCi = () => deploy(ref, {}, ci),
] = SAYINGS;
// what races most, most often
const saying = fc.oneof(fc.constantFrom(deployByRoot, deployByCi, proveForRoot), fc.constantFrom(...SAYINGS));

/** The ledger's rule and nothing else: a verdict whose reads were written since goes back to a gate that has caught up. */
class ModelLedger {
  readonly log: Log;
  readonly #lastWrite = new Map<string, number>();

  constructor(log: Log) {
    this.log = log;
  }

  take(said: Span, verdict: Verdict): void {
    const isStale = Object.entries(verdict.reads).some(
      ([name, index]) => (this.#lastWrite.get(name) ?? -1) > index,
    );
    const settled = isStale ? this.log.judge(said) : verdict;
    if (settled.outcome === 'no') return;
    this.log.append(said);
    for (const name of settled.writes) this.#lastWrite.set(name, this.log.facts.length - 1);
  }
}

/** A gate that lags: it has folded the log up to somewhere. */
class LaggingGate {
  readonly #log: Log;
  readonly #knowledge: Knowledge;

  constructor(log: Log) {
    this.#log = log;
    this.#knowledge = parseSnapshot(snapshotOf(log.knowledge));
  }

  catchUp(facts: number): void {
    for (const fact of this.#log.facts.slice(this.#knowledge.index + 1, this.#knowledge.index + 1 + facts))
      fold(this.#knowledge, fact);
  }

  judge(said: Span): Verdict {
    const bytes = new Uint8Array(1000);
    const { nowMs } = this.#log;
    return validate({
      span: said,
      bytes,
      caller: { kind: 'token', token: 'tok_cli' },
      knowledge: this.#knowledge,
      installation: { operatorKeys: [] },
      nowMs,
      submittedMs: nowMs,
      language: 'en',
    });
  }
}

type Move = {
  readonly gate: number;
  readonly does: 'hear' | 'catch up' | 'settle';
  readonly say: () => Span;
  readonly facts: number;
};
const move: fc.Arbitrary<Move> = fc.record({
  gate: fc.nat({ max: 2 }),
  does: fc.constantFrom('hear', 'hear', 'settle', 'catch up'),
  say: saying,
  facts: fc.nat({ max: 6 }),
});

function play(moves: readonly Move[]): Log {
  const { log } = appliedLog(body);
  log.say(keyAdd(ci, ['deploy:*', 'prove:*']));
  for (let i = 0; i < 2; i++) log.say(prove(proof({ ref, aud: ['ci'] })));
  const ledger = new ModelLedger(log);
  const gates = [0, 1, 2].map(() => new LaggingGate(log));
  const judged: { said: Span; verdict: Verdict }[] = [];
  const settle = (): void => {
    const next = judged.shift();
    if (next !== undefined) ledger.take(next.said, next.verdict);
  };
  for (const { gate, does, say, facts } of moves) {
    const at = gates[gate];
    if (at === undefined) continue;
    if (does === 'hear') {
      const said = say();
      judged.push({ said, verdict: at.judge(said) });
    } else if (does === 'catch up') {
      at.catchUp(facts);
    } else {
      settle();
    }
  }
  while (judged.length > 0) settle();
  return log;
}

function verifyAll(facts: readonly Fact[]): void {
  const knowledge = emptyKnowledge(TENANT);
  for (const fact of facts) {
    verifyFact(fact, knowledge);
    fold(knowledge, fact);
  }
}

describe('gates that lag behind a ledger that compares reads and writes', () => {
  it('never let anything into the log that a gate at that very place would refuse: no proof spent twice, no dead key, no revoked grant', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const { facts, knowledge } = play(moves);
        verifyAll(facts);
        const deploys = facts
          .filter((fact) => fact.span.intent.startsWith('deploy.'))
          .map((fact) => fact.index);
        const spent = [...(knowledge.containers.get(WEB)?.deploys.values() ?? [])].map(
          (record) => record.proof?.id,
        );
        expect(spent).toHaveLength(deploys.length);
        expect(new Set(spent).size).toBe(spent.length);
        expect(spent).not.toContain(undefined);
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('let two deploys heard at once spend one proof once', () => {
    const { log } = appliedLog(body);
    log.say(prove(proof({ ref })));
    const ledger = new ModelLedger(log);
    const gates = [new LaggingGate(log), new LaggingGate(log)];
    const heard = gates.map((gate) => {
      const said = deploy(ref);
      return { said, verdict: gate.judge(said) };
    });
    expect(heard.map(({ verdict }) => verdict.outcome)).toEqual(['ok', 'ok']);
    for (const { said, verdict } of heard) ledger.take(said, verdict);
    expect(log.facts.filter((fact) => fact.span.intent === 'deploy.apply')).toHaveLength(1);
  });
});

describe('any log', () => {
  it('folds to the same knowledge through a snapshot taken anywhere', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 30 }), fc.nat(), (moves, cut) => {
        const { facts, knowledge } = play(moves);
        const at = cut % facts.length;
        const first = emptyKnowledge(TENANT);
        for (const fact of facts.slice(0, at)) fold(first, fact);
        const second = parseSnapshot(JSON.parse(JSON.stringify(snapshotOf(first))));
        for (const fact of facts.slice(at)) fold(second, fact);
        expect(second).toEqual(knowledge);
        expect(snapshotOf(second)).toEqual(snapshotOf(knowledge));
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  it('changes exactly what the writes of its facts say', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 30 }), (moves) => {
        const knowledge = emptyKnowledge(TENANT);
        for (const fact of play(moves).facts) {
          const before = parts(knowledge);
          const writes = writesOf(fact.span, knowledge);
          fold(knowledge, fact);
          const after = parts(knowledge);
          const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
            (name) => before.get(name) !== after.get(name),
          );
          expect(writes).toEqual(expect.arrayContaining(changed));
        }
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

/** Knowledge by the keys that verdicts read. */
function parts({ keys, tokens, runners, proofs, containers, root: rootKid }: Knowledge): Map<string, string> {
  const found = new Map<string, string>([['tenant', String(rootKid)]]);
  const put = (name: string, value: unknown): void => void found.set(name, JSON.stringify(value));
  for (const entry of keys.values()) put(`kid:${entry.kid}`, entry);
  for (const entry of tokens.values()) put(`token:${entry.tokenId}`, entry);
  for (const entry of runners.values()) put(`runner:${entry.runner}`, entry);
  for (const entry of proofs.values()) put(`proof:${entry.id}`, entry);
  for (const container of containers.values()) {
    const { subject } = container;
    if (container.current !== null) put(`manifest:${subject}`, container.current);
    for (const entry of container.manifests.values()) put(`ref:${entry.ref}`, entry);
    for (const id of container.revokedGrants) put(`grant:${subject}/${id}`, true);
    if (container.deploys.size > 0) put(`lease:${subject}`, [...container.deploys.values()]);
    if (container.unspentProofs.size > 0) put(`proofs:${subject}`, [...container.unspentProofs]);
  }
  return found;
}
