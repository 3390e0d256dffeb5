import type { JsonValue } from '@logline/canon-sign';
import { formatInstant, type Span } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import {
  appliedLog,
  apply,
  bornLog,
  deploy,
  manifest,
  NOW_MS,
  proof,
  prove,
  root,
  span,
  stop,
  TENANT,
  WEB,
} from '../test/world.ts';
import { fold } from './fold.ts';
import { emptyKnowledge, MAX_MANIFESTS } from './knowledge.ts';
import { parseSnapshot, parseSnapshotText, snapshotOf, snapshotText } from './snapshot.ts';

describe('folding', () => {
  it('ignores what it has folded, and refuses a gap or a stranger', () => {
    const { facts } = bornLog();
    const knowledge = emptyKnowledge(TENANT);
    const [birth] = facts;
    if (birth === undefined) throw new Error('no facts');
    fold(knowledge, birth);
    fold(knowledge, birth);
    expect(knowledge.index).toBe(0);
    expect(() => fold(knowledge, { ...birth, index: 2 })).toThrow(expect.objectContaining({ code: 'GAP' }));
    expect(() => fold(emptyKnowledge('acme'), birth)).toThrow(
      expect.objectContaining({ code: 'FOREIGN_FACT' }),
    );
  });

  it('only moves on over an intent of a later version', () => {
    const log = bornLog();
    const before = snapshotOf(log.knowledge);
    const later = { ...span(root, 'policy.apply', WEB, {}) };
    fold(log.knowledge, { span: later, index: log.facts.length, timeMs: NOW_MS });
    expect({
      ...Object(snapshotOf(log.knowledge)),
      hash: 0,
      body: { ...Object(snapshotOf(log.knowledge)).body, index: 1 },
    }).toEqual({ ...Object(before), hash: 0 });
  });

  it('lets a manifest count only from its verdict on', () => {
    const log = bornLog();
    const cause = apply(manifest());
    fold(log.knowledge, { span: cause, index: 2, timeMs: NOW_MS });
    expect(log.knowledge.containers.get(WEB)).toBeUndefined();
    expect(log.knowledge.pending).toEqual(cause);
    fold(log.knowledge, { span: log.verdictOf(cause) as Span, index: 3, timeMs: NOW_MS });
    expect(log.knowledge.containers.get(WEB)?.current).toMatch(/^mc:voulezvous\/web@blake3:/);
    expect(log.knowledge.pending).toBeNull();
  });

  it('remembers a denied proof as nothing', () => {
    const { log, ref } = appliedLog();
    log.say(prove(proof({ ref, exp: formatInstant(NOW_MS - 1), iat: formatInstant(NOW_MS - 1000) })));
    expect(log.facts.at(-1)?.span.payload).toMatchObject({
      decision: 'deny',
      reasons: [expect.stringContaining('expired')],
    });
    expect(log.knowledge.proofs.size).toBe(0);
  });

  it('forgets proofs once they are long expired, and keeps at most 64 manifests of a container, the deployed ones first', () => {
    const { log, ref } = appliedLog();
    log.say(prove(proof({ ref })));
    log.say(deploy(ref));
    log.say(prove(proof({ ref })));
    for (let i = 0; i < MAX_MANIFESTS + 5; i++) log.say(apply(manifest({ version: `${i}` })));
    const { manifests, unspentProofs } = log.knowledge.containers.get(WEB) ?? {};
    expect(manifests?.size).toBe(MAX_MANIFESTS);
    expect(manifests?.has(ref)).toBe(true);
    expect([log.knowledge.proofs.size, unspentProofs?.size]).toEqual([2, 1]);
    log.nowMs += 3_600_000;
    log.append(apply(manifest()));
    expect([log.knowledge.proofs.size, unspentProofs?.size]).toEqual([0, 0]);
  });

  it('keeps of closed deploys the latest of each kind', () => {
    const { log, ref } = appliedLog();
    for (let i = 0; i < 3; i++) {
      log.say(prove(proof({ ref })));
      const asked = log.say(deploy(ref));
      log.say(prove(proof({ intent: 'deploy.stop' })));
      log.say(stop());
      log.append(
        span(root, 'deploy.failed', WEB, {
          deploy: asked.span.this,
          lease: asked.index,
          why: 'no_runner',
          message: 'none',
        }),
      );
    }
    const records = [...(log.knowledge.containers.get(WEB)?.deploys.values() ?? [])];
    expect(records.map(({ action, step }) => `${action} ${step}`)).toEqual([
      'stop asked',
      'stop asked',
      'apply closed',
      'stop asked',
    ]);
  });
});

describe('a snapshot', () => {
  it('holds all, and folds on as the knowledge itself does', () => {
    const { log, ref } = appliedLog();
    log.say(prove(proof({ ref })));
    const copy = parseSnapshot(JSON.parse(JSON.stringify(snapshotOf(log.knowledge))));
    expect(copy).toEqual(log.knowledge);
    const asked = log.say(deploy(ref));
    fold(copy, asked);
    expect(copy).toEqual(log.knowledge);
  });

  it.each<JsonValue>([
    null,
    [],
    'x',
    {},
    { v: 1 },
    { v: 2, hash: 'x', body: {} },
    { v: 1, hash: 'blake3:00', body: {} },
  ])('refuses %j', (json) => {
    expect(() => parseSnapshot(json)).toThrow(expect.objectContaining({ code: 'BAD_SNAPSHOT' }));
  });

  it('is the knowledge of the moment it was asked for, however late its text is taken', () => {
    const { log, ref } = appliedLog();
    log.say(prove(proof({ ref })));
    const then = parseSnapshot(snapshotOf(log.knowledge));
    const text = snapshotText(log.knowledge);
    log.say(deploy(ref));
    const taken = parseSnapshotText([...text].join(''));
    expect(taken).toEqual(then);
    expect(taken).not.toEqual(log.knowledge);
  });

  it.each(['', '{', 'null', '{"v":1}', '{"v":0,"body":{}}'])('refuses the text %j', (text) => {
    expect(() => parseSnapshotText(text)).toThrow(expect.objectContaining({ code: 'BAD_SNAPSHOT' }));
  });

  it('refuses one that was changed', () => {
    const json = Object(snapshotOf(bornLog().knowledge));
    expect(() => parseSnapshot({ ...json, body: { ...json.body, index: 7 } })).toThrow(
      expect.objectContaining({ code: 'BAD_SNAPSHOT' }),
    );
  });
});
