import { formatInstant, type Span } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import {
  appliedLog,
  bornLog,
  deploy,
  installation,
  key,
  keyAdd,
  NOW_MS,
  operator,
  proof,
  prove,
  root,
  runner,
  secretManifest,
  span,
  TENANT,
  tenantCreated,
  WEB,
  type Fact,
} from '../test/world.ts';
import { deployAuthority } from './deploy-authority.ts';
import { fold } from './fold.ts';
import { emptyKnowledge, type Knowledge } from './knowledge.ts';
import { verifyFact } from './verify-fact.ts';
import { verdictSpan } from './verdict-span.ts';

const refused = (message: string): unknown =>
  expect.objectContaining({ code: 'FACT_REFUSED', message: expect.stringContaining(message) });

describe('a logged fact', () => {
  const next = (knowledge: Knowledge, said: Span, timeMs = NOW_MS): Fact => ({
    span: said,
    index: knowledge.index + 1,
    timeMs,
  });

  it('must be the next one, and not run back in time', () => {
    const { knowledge, facts } = bornLog();
    expect(() => verifyFact({ ...next(knowledge, keyAdd(key('x'), [])), index: 7 }, knowledge)).toThrow(
      expect.objectContaining({ code: 'GAP' }),
    );
    expect(() => verifyFact(next(knowledge, keyAdd(key('x'), []), NOW_MS - 1), knowledge)).toThrow(
      refused('back in time'),
    );
    expect(facts).toHaveLength(2);
  });

  it('of a birth must carry the pinned root key', () => {
    const birth = tenantCreated();
    const verify = (pub: string): void =>
      verifyFact({ span: birth, index: 0, timeMs: NOW_MS }, emptyKnowledge(TENANT), {
        root: { kid: 'root', pub },
      });
    expect(() => verify(root.pub)).not.toThrow();
    expect(() => verify(key('other').pub)).toThrow(refused('not the one pinned'));
  });

  it('of an adoption must be signed by an operator, where operators are known, and changes nothing', () => {
    const { knowledge } = bornLog();
    const found = { position: 3, chain: `blake3:${'a'.repeat(64)}` };
    const adopted = (by = operator): Span =>
      span(by, 'registry.log.adopted', `urn:tenant:${TENANT}`, {
        partition: 0,
        database: found,
        anchor: found,
      });
    const operatorKeys = installation.operatorKeys;
    expect(() => verifyFact(next(knowledge, adopted()), knowledge)).not.toThrow();
    expect(() => verifyFact(next(knowledge, adopted()), knowledge, { operatorKeys })).not.toThrow();
    expect(() => verifyFact(next(knowledge, adopted(root)), knowledge, { operatorKeys })).toThrow(
      refused('root'),
    );
    const before = structuredClone(knowledge);
    fold(knowledge, next(knowledge, adopted()));
    expect(knowledge).toEqual({ ...before, index: before.index + 1 });
    const unborn = emptyKnowledge(TENANT);
    expect(() => verifyFact(next(unborn, adopted()), unborn)).toThrow(refused('no tenant'));
  });

  it('may be as old as it likes, but not forged, unscoped, or without its proof', () => {
    const { log, ref } = appliedLog();
    const { knowledge } = log;
    expect(() => verifyFact(next(knowledge, deploy(ref)), knowledge)).toThrow(refused('is required'));
    log.say(prove(proof({ ref })));
    const late = NOW_MS + 500_000;
    expect(() => verifyFact(next(knowledge, deploy(ref), late), knowledge)).not.toThrow();
    expect(() => verifyFact(next(knowledge, deploy(ref), NOW_MS + 700_000), knowledge)).toThrow(
      refused('expired'),
    );
    expect(() => verifyFact(next(knowledge, { ...deploy(ref), ts: formatInstant(late) }), knowledge)).toThrow(
      refused('not the signature'),
    );
    expect(() => verifyFact(next(knowledge, deploy(ref, {}, runner)), knowledge)).toThrow(
      refused('signed by a client'),
    );
  });

  it('that allows a proof is believed only if the proof is good', () => {
    const { log, ref } = appliedLog();
    const { knowledge } = log;
    const bad = prove(proof({ ref }, key('stranger')));
    fold(knowledge, next(knowledge, bad));
    const by = { service: 'wallet-verifier', signer: key('wallet-verifier') } as const;
    const verdict = (decision: string, id: unknown): Span =>
      verdictSpan(bad, 'wallet.proof.verified', { cause: bad.this, proof: id, decision, reasons: [] }, by)
        .span;
    const { id } = Object(bad.payload?.['proof']);
    expect(() => verifyFact(next(knowledge, verdict('allow', id)), knowledge)).toThrow(
      refused('not registered'),
    );
    expect(() => verifyFact(next(knowledge, verdict('deny', 'other')), knowledge)).toThrow(refused('cause'));
    expect(() => verifyFact(next(knowledge, verdict('deny', id)), knowledge)).not.toThrow();
  });

  it('is not refused because the clock that judged it was a little ahead', () => {
    const { log, ref } = appliedLog();
    const { knowledge } = log;
    const early = prove(
      proof({ ref, iat: formatInstant(NOW_MS + 150_000), exp: formatInstant(NOW_MS + 700_000) }),
    );
    fold(knowledge, next(knowledge, early));
    const by = { service: 'wallet-verifier', signer: key('wallet-verifier') } as const;
    const { id } = Object(early.payload?.['proof']);
    const { span: verdict } = verdictSpan(
      early,
      'wallet.proof.verified',
      { cause: early.this, proof: id, decision: 'allow', reasons: [] },
      by,
    );
    expect(() => verifyFact(next(knowledge, verdict), knowledge)).not.toThrow();
  });
});

describe('the authority of a deploy', () => {
  it('names what runs and what it may open, until that is taken back', () => {
    const { log, ref } = appliedLog(secretManifest());
    log.say(prove(proof({ ref })));
    const asked = log.say(deploy(ref));
    const authority = (nowMs = NOW_MS): ReturnType<typeof deployAuthority> =>
      deployAuthority(log.knowledge, asked.span.this, nowMs);
    expect(authority()).toMatchObject({
      subject: WEB,
      refusals: [],
      manifest: { ref },
      grants: [{ grant: { id: 'grt_db' }, expiresMs: NOW_MS + 30 * 86_400_000 }],
      record: { lease: asked.index, proof: { spentBy: asked.span.this } },
    });
    expect(authority(NOW_MS + 31 * 86_400_000)?.refusals).toEqual([expect.stringContaining('expired')]);
    log.say(span(root, 'wallet.grant.revoke', WEB, { grant: 'grt_db' }));
    expect(authority()?.refusals).toEqual([expect.stringContaining('revoked')]);
    log.say(keyAdd(key('heir'), ['registry:*']));
    log.say(
      span(root, 'registry.key.revoke', `urn:tenant:${TENANT}`, { kid: 'root', reason: 'compromised' }),
    );
    expect(authority()?.refusals.join()).toContain('compromised');
    log.append(
      span(key('deploy-orchestrator'), 'deploy.failed', WEB, {
        deploy: asked.span.this,
        lease: asked.index,
        why: 'no_runner',
        message: 'none',
      }),
    );
    expect(authority()?.refusals[0]).toContain('closed by deploy.failed');
    expect(deployAuthority(log.knowledge, 'urn:span:nothing', NOW_MS)).toBeNull();
  });
});
