import fc from 'fast-check';
import { canonicalBytes, CanonError, type JsonValue } from '@logline/canon-sign';
import { describe, expect, it } from 'vitest';
import {
  appliedLog,
  apply,
  deploy,
  key,
  keyAdd,
  Log,
  OPERATOR,
  own,
  proof,
  prove,
  root,
  runnerAdd,
  secretManifest,
  span,
  stop,
  tenantCreated,
  TENANT,
  TOKEN,
  WEB,
} from '../test/world.ts';
import { checkManifest } from './manifest-check.ts';
import { FAULTS } from './fault.ts';

const { log, ref } = appliedLog(secretManifest());
log.say(prove(proof({ ref })));
const samples: readonly JsonValue[] = [
  tenantCreated(),
  keyAdd(key('x'), ['deploy:*']),
  runnerAdd('runner-9', key('y')),
  apply(secretManifest()),
  prove(proof({ ref })),
  deploy(ref),
  stop(),
  span(root, 'wallet.grant.revoke', WEB, { grant: 'g' }),
  span(root, 'registry.key.revoke', `urn:tenant:${TENANT}`, { kid: 'root', reason: 'rotated' }),
].map((said) => JSON.parse(JSON.stringify(said)));

/** A sample with one part of it replaced, taken away, or added to. */
const bent = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
    fc.oneof(fc.jsonValue(), fc.constantFrom('…', 'grant://', 'mc:voulezvous/web')),
    fc.boolean(),
  )
  .map(([sample, path, value, isTaken]) => bend(sample, path, value as JsonValue, isTaken)); // fast-check's JSON values are ours

function bend(
  whole: JsonValue,
  [step, ...rest]: readonly number[],
  value: JsonValue,
  isTaken: boolean,
): JsonValue {
  if (step === undefined || typeof whole !== 'object' || whole === null) return value;
  const entries = Object.entries(whole);
  const [name] = entries[step % (entries.length + 1)] ?? ['added'];
  const inner = Object.hasOwn(whole, name) ? bend(Object(whole)[name], rest, value, isTaken) : value;
  const kept = entries.filter(([other]) => other !== name);
  const next = isTaken && rest.length === 0 ? kept : [...kept, [name, inner] as const];
  return Array.isArray(whole) ? next.map(([, item]) => item) : Object.fromEntries(next);
}

const askers = [
  TOKEN,
  OPERATOR,
  own('deploy-orchestrator'),
  own('runner_voulezvous_runner-1'),
  { kind: 'unchecked' } as const,
];

function judgeAll(value: unknown): void {
  try {
    canonicalBytes(value);
  } catch (fault) {
    if (fault instanceof CanonError) return; // the strict parser would never have let it through
    throw fault;
  }
  for (const asker of askers) {
    for (const house of [log, new Log()]) {
      const verdict = house.judge(value, asker);
      if (verdict.outcome === 'ok') continue;
      expect(verdict.ack.details.length).toBeGreaterThan(0);
      expect(verdict.ack.suggested_reply).not.toBe('');
      expect(verdict.restsOnKnowledge || Object.keys(verdict.reads).length === 0).toBe(true);
      expect(verdict.ack.status === 'need_more' || Object.hasOwn(FAULTS, verdict.ack.reason ?? '')).toBe(
        true,
      );
    }
  }
}

describe('hostile input', () => {
  it('is answered, whatever JSON it is', () => {
    fc.assert(fc.property(fc.jsonValue(), judgeAll), { numRuns: 300 });
  });

  it('is answered where a good span was bent', () => {
    fc.assert(fc.property(bent, judgeAll), { numRuns: 1500 });
  }, 120_000);

  it('is told apart where a manifest was bent', () => {
    const manifests = fc.tuple(
      fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
      fc.jsonValue(),
      fc.boolean(),
    );
    fc.assert(
      fc.property(manifests, ([path, value, isTaken]) => {
        const whole: JsonValue = JSON.parse(JSON.stringify(secretManifest()));
        const { faults, warnings } = checkManifest(bend(whole, path, value as JsonValue, isTaken)); // as above
        for (const fault of [...faults, ...warnings]) expect(fault.fix).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });
});
