import { canonicalBytes, formatHex, type JsonValue } from '@logline/canon-sign';
import type { Span } from '@logline/contracts';
import { emptyTiledEdge, leafHash, rootOf, rootOfLeaves } from '@logline/tlog';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldSubjects, growLogs } from './batch.ts';
import { parseFact, type Fact } from './fact.ts';
import type { LogView } from './log-view.ts';
import { emptySubject, type SubjectView } from './subject.ts';

const SIGNATURE = { kid: 'root', alg: 'ed25519-blake3', sig: `${'A'.repeat(85)}A==` } as const;

function factOf(tenant: string, index: number, intent: string = 'deploy.stop', name: string = 'web'): Fact {
  const span: Span = {
    schema_version: '1.1.0',
    entity_type: 'function',
    this: `urn:span:019ab111-6800-7000-8000-${index.toString(16).padStart(12, '0')}`,
    did: { actor: 'root', action: 'append' },
    intent,
    subject: `urn:minicontainer:${tenant}/${name}`,
    payload: { target: { provider: 'docker' } },
    ts: '2026-11-23T12:00:00.000Z',
    signature: SIGNATURE,
  };
  const bytes = canonicalBytes(span as unknown as JsonValue); // a span is JSON
  const leaf = formatHex(leafHash(bytes));
  return parseFact(bytes, {
    tenant,
    log: `logline.test/${tenant}`,
    index,
    leaf,
    timeMs: 1_000 + index,
    receiptSignature: 'x',
    trace: '0'.repeat(32),
  });
}

const emptyLogs = (...tenants: readonly string[]): ReadonlyMap<string, LogView> =>
  new Map(tenants.map((tenant) => [tenant, { tenant, edge: emptyTiledEdge() }]));
const indexes = (facts: readonly Fact[]): readonly number[] => facts.map(({ place }) => place.index);

describe('a batch', () => {
  it('grows a log by the facts that follow, and passes over those it has', () => {
    const first = growLogs([factOf('acme', 0), factOf('acme', 1)], emptyLogs('acme'));
    const [grown] = first.growths;
    if (grown === undefined) throw new Error('nothing grew');
    const again = growLogs(
      [factOf('acme', 0), factOf('acme', 1), factOf('acme', 2), factOf('acme', 2)],
      new Map([['acme', grown.log]]),
    );
    expect(again.refused).toEqual([]);
    expect(again.growths.map(({ facts }) => indexes(facts))).toEqual([[2]]);
  });

  it('leaves aside what comes behind a gap, in that log only, and says what is missing', () => {
    const { growths, refused, gaps } = growLogs(
      [factOf('acme', 0), factOf('acme', 2), factOf('beta', 0), factOf('acme', 3), factOf('beta', 1)],
      emptyLogs('acme', 'beta'),
    );
    expect(growths.map(({ log, facts }) => [log.tenant, indexes(facts)])).toEqual([
      ['acme', [0]],
      ['beta', [0, 1]],
    ]);
    expect(refused).toEqual([]);
    expect(gaps).toMatchObject([{ tenant: 'acme', from: 1, to: 3 }]);
    expect(gaps.map(({ early }) => indexes(early))).toEqual([[2, 3]]);
  });

  it('refuses bytes that do not hash to their leaf, and takes the right ones when they come', () => {
    const right = factOf('acme', 1);
    const spoilt: Fact = { ...right, place: { ...right.place, leaf: 'ab'.repeat(32) } };
    const { growths, refused, gaps } = growLogs(
      [factOf('acme', 0), spoilt, factOf('acme', 2), right, factOf('acme', 2)],
      emptyLogs('acme'),
    );
    expect(refused.map(({ error }) => error.code)).toEqual(['BAD_FACT']);
    expect(gaps).toEqual([]);
    expect(growths.map(({ facts }) => indexes(facts))).toEqual([[0, 1, 2]]);
  });

  it('changes nothing when there is nothing new', () => {
    expect(growLogs([], emptyLogs())).toEqual({ growths: [], refused: [], gaps: [] });
    expect(growLogs([factOf('acme', 5)], emptyLogs('acme')).growths).toEqual([]);
  });

  it('moves the head of a subject only by what a client signed', () => {
    const facts = [factOf('acme', 0, 'deploy.stop'), factOf('acme', 1, 'deploy.planned')];
    const { growths } = growLogs(facts, emptyLogs('acme'));
    const before = new Map<string, SubjectView>(
      facts.map(({ span: { subject } }) => [subject, emptySubject(subject)]),
    );
    expect(foldSubjects(growths, before).subjects).toMatchObject([
      { tenant: 'acme', view: { head: facts[0]?.span.this, index: 1 } },
    ]);
  });
});

describe('a fact', () => {
  const { bytes, place } = factOf('acme', 0);
  it.each([
    ['garbage', new TextEncoder().encode('{'), place],
    ['not UTF-8', Uint8Array.of(0xff, 0xfe), place],
    ['JSON that is no span', new TextEncoder().encode('{"this":1}'), place],
    ['a span about another tenant', bytes, { ...place, tenant: 'beta' }],
  ])('is refused when it is %s', (_, given, where) => {
    expect(() => parseFact(given, where)).toThrowError(expect.objectContaining({ code: 'BAD_FACT' }));
  });
});

describe('in whatever batches facts come', () => {
  it('views are the fold of the logs', () => {
    const tenants = ['acme', 'beta', 'gamma'];
    const intents = ['deploy.stop', 'deploy.planned', 'minicontainer.applied'];
    const order = fc.array(
      fc.record({
        tenant: fc.nat(2),
        intent: fc.nat(2),
        name: fc.nat(3),
        // how often it is delivered again, and whether a batch ends here
        isAgain: fc.boolean(),
        isEnd: fc.boolean(),
      }),
      { maxLength: 600 },
    );
    fc.assert(
      fc.property(order, (steps) => {
        const next = new Map<string, number>();
        const facts = steps.map(({ tenant: t, intent, name }) => {
          const tenant = tenants[t] ?? '';
          const index = next.get(tenant) ?? 0;
          next.set(tenant, index + 1);
          return factOf(tenant, index, intents[intent], `app-${name}`);
        });
        let batch: Fact[] = [];
        let logs = emptyLogs(...tenants);
        let views = new Map<string, SubjectView>();
        const project = (): void => {
          const { growths, refused, gaps } = growLogs(batch, logs);
          expect([refused, gaps]).toEqual([[], []]);
          const before = new Map(
            growths
              .flatMap(({ facts: taken }) => taken)
              .map(({ span: { subject } }) => [subject, views.get(subject) ?? emptySubject(subject)]),
          );
          const { subjects } = foldSubjects(growths, before);
          logs = new Map([...logs, ...growths.map(({ log }) => [log.tenant, log] as const)]);
          views = new Map([...views, ...subjects.map(({ view }) => [view.subject, view] as const)]);
          batch = [];
        };
        steps.forEach(({ isAgain, isEnd }, at) => {
          const fact = facts[at];
          if (fact !== undefined) batch.push(fact, ...(isAgain ? [fact] : []));
          if (isEnd) project();
        });
        project();
        const all = growLogs(facts, emptyLogs(...tenants)).growths;
        const before = new Map(facts.map(({ span: { subject } }) => [subject, emptySubject(subject)]));
        const whole = new Map(foldSubjects(all, before).subjects.map(({ view }) => [view.subject, view]));
        expect(views).toEqual(whole);
        for (const { log, leaves } of all) {
          const edge = logs.get(log.tenant)?.edge;
          expect(edge).toEqual(log.edge);
          expect(edge === undefined ? null : rootOf(edge)).toEqual(rootOfLeaves(leaves));
        }
      }),
      { numRuns: 25 },
    );
  });
});
