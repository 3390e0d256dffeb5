import { describe, expect, it } from 'vitest';
import { canonicalBytes } from '@logline/canon-sign';
import { formatInstant } from '@logline/contracts';
import {
  appliedLog,
  apply,
  bornLog,
  deploy,
  faultsOf,
  grant,
  key,
  keyAdd,
  Log,
  manifest,
  NOW_MS,
  OPERATOR,
  operator,
  own,
  proof,
  prove,
  root,
  runner,
  runnerAdd,
  secretManifest,
  span,
  stop,
  TENANT,
  tenantCreated,
  TOKEN,
  WEB,
} from '../test/world.ts';
import { verifyFact } from './verify-fact.ts';
import { emptyKnowledge } from './knowledge.ts';
import { fold } from './fold.ts';
import { refOf, specHash } from './manifest-ref.ts';

const TENANT_URN = `urn:tenant:${TENANT}`;
const orchestrator = key('deploy-orchestrator');

describe('the main job', () => {
  it('goes through, from the birth of a tenant to the end of a run, and a second reader agrees with every step', () => {
    const { log, ref, body } = appliedLog(secretManifest());
    log.say(prove(proof({ ref })));
    const asked = log.say(deploy(ref));
    const named = { deploy: asked.span.this, lease: asked.index, runner: 'runner-1' };
    const target = { provider: 'docker' };
    log.say(
      span(orchestrator, 'deploy.planned', WEB, {
        ...named,
        action: 'apply',
        ref,
        target,
        deadline: formatInstant(NOW_MS + 60_000),
        spec_hash: specHash(ref, body.deploy, target),
      }),
      own('deploy-orchestrator'),
    );
    const reporter = own('runner_voulezvous_runner-1');
    const grants = [{ grant: 'grt_db', artifact: 'secret_db', artifact_hash: body.artifacts?.[0]?.hash }];
    const { deploy: id, lease, runner: name } = named;
    const run = { deploy: id, lease, runner: name, ref, provider: 'docker', node: 'n1' };
    log.say(span(runner, 'grant.materialize', WEB, { ...named, grants }), reporter);
    log.say(span(runner, 'grant.materialized', WEB, { ...named, grants, delivery: 'file' }), reporter);
    log.say(span(runner, 'deploy.applied', WEB, { ...named, action: 'apply', ref }), reporter);
    log.say(span(runner, 'run_state.pending', WEB, run), reporter);
    log.say(span(runner, 'run_state.running', WEB, run), reporter);
    log.say(prove(proof({ intent: 'deploy.stop' })));
    const stopped = log.say(stop());
    const stopping = { deploy: stopped.span.this, lease: stopped.index, runner: 'runner-1' };
    log.say(
      span(orchestrator, 'deploy.planned', WEB, {
        ...stopping,
        action: 'stop',
        ref,
        target,
        deadline: formatInstant(NOW_MS + 60_000),
        spec_hash: specHash(ref, body.deploy, target),
      }),
      own('deploy-orchestrator'),
    );
    log.say(span(runner, 'deploy.applied', WEB, { ...stopping, action: 'stop', ref }), reporter);
    log.say(span(runner, 'run_state.exited', WEB, { ...run, exit_code: 0, why: 'stopped' }), reporter);

    const second = emptyKnowledge(TENANT);
    for (const fact of log.facts) {
      verifyFact(fact, second, { root: { kid: root.kid, pub: root.pub } });
      fold(second, fact);
    }
    expect(second).toEqual(log.knowledge);
  });
});

describe('form', () => {
  const good = (): Record<string, unknown> => ({ ...deploy(`mc:voulezvous/web@blake3:${'0'.repeat(64)}`) });
  const cases: readonly (readonly [string, unknown, readonly string[]])[] = [
    ['nothing', {}, ['422_SCHEMA_INVALID /schema_version']],
    ['a text', 'hello', ['422_SCHEMA_INVALID ']],
    ['null', null, ['422_SCHEMA_INVALID ']],
    ['a null deep inside', { ...good(), payload: { ref: null } }, ['422_SCHEMA_INVALID /payload/ref']],
    ['a field too many', { ...good(), colour: 'red' }, ['422_SCHEMA_INVALID /colour']],
    ['an unknown intent', { ...good(), intent: 'deploy.aply' }, ['422_SCHEMA_INVALID /intent']],
    ['a subject of another kind', { ...good(), subject: TENANT_URN }, ['422_SCHEMA_INVALID /subject']],
    [
      'a name that is a word of an intent',
      { ...good(), subject: 'urn:minicontainer:voulezvous/apply' },
      ['422_SCHEMA_INVALID /subject'],
    ],
    ['another tenant', { ...good(), subject: 'urn:minicontainer:acme/web' }, ['403_FORBIDDEN /subject']],
    ['a span id that is no UUID v7', { ...good(), this: 'urn:span:1' }, ['422_SCHEMA_INVALID /this']],
    ['no payload', { ...good(), payload: undefined }, ['422_SCHEMA_INVALID /payload']],
    ['30 February', { ...good(), ts: '2026-02-30T12:00:00Z' }, ['422_SCHEMA_INVALID /ts']],
    [
      'a span of 16 minutes ago',
      { ...good(), ts: formatInstant(NOW_MS - 16 * 60_000) },
      ['422_SCHEMA_INVALID /ts'],
    ],
    [
      'a span of 3 minutes ahead',
      { ...good(), ts: formatInstant(NOW_MS + 3 * 60_000) },
      ['422_SCHEMA_INVALID /ts'],
    ],
    ['a span too large', { ...good(), payload: { text: 'x'.repeat(70_000) } }, ['413_TOO_LARGE ']],
    [
      'a signature that is no base64',
      { ...good(), signature: { kid: 'root', alg: 'ed25519-blake3', sig: 'x' } },
      ['422_SCHEMA_INVALID /signature/sig'],
    ],
  ];
  it.each(cases)('refuses %s at once, without asking the log', (_what, value, faults) => {
    const said: unknown = value === undefined ? value : JSON.parse(JSON.stringify(value));
    const verdict = bornLog().judge(said);
    expect(verdict).toMatchObject({ outcome: 'no', restsOnKnowledge: false, reads: {} });
    expect(faultsOf(verdict)).toEqual(expect.arrayContaining([...faults]));
  });

  it('names every missing field, and says need_more when nothing else is wrong', () => {
    const verdict = bornLog().judge(span(root, 'deploy.apply', WEB, {}));
    expect(verdict).toMatchObject({
      outcome: 'no',
      ack: { status: 'need_more', http_status: 422, missing_fields: ['/payload/ref', '/payload/target'] },
    });
  });

  it('offers the intent that was probably meant', () => {
    const verdict = bornLog().judge({ ...good(), intent: 'deploy.aply' });
    expect(verdict).toMatchObject({ ack: { suggested_reply: 'Set /intent to deploy.apply.' } });
  });

  it('takes a runner that reports hours late', () => {
    const late = span(
      runner,
      'run_state.pending',
      WEB,
      {
        deploy: span(root, 'deploy.stop', WEB, {}).this,
        lease: 1,
        runner: 'runner-1',
        ref: `mc:voulezvous/web@blake3:${'0'.repeat(64)}`,
        provider: 'docker',
        node: 'n',
      },
      { ts: formatInstant(NOW_MS - 8 * 3_600_000) },
    );
    expect(faultsOf(bornLog().judge(late, own('runner_voulezvous_runner-1')))).toEqual([
      '404_NOT_FOUND /payload/deploy',
    ]);
  });
});

describe('who signs', () => {
  it('does not know a tenant before its birth', () => {
    expect(faultsOf(new Log().judge(apply(manifest())))).toEqual(['404_NOT_FOUND /subject']);
  });

  it('refuses a key nobody registered, and says which read that rests on', () => {
    const verdict = bornLog().judge(apply(manifest(), WEB, key('stranger')));
    expect(faultsOf(verdict)).toEqual(['422_SIGNATURE_INVALID /signature/kid']);
    expect(verdict.reads).toEqual({ tenant: 1, 'kid:stranger': 1 });
  });

  it('refuses a span whose bytes were changed after signing', () => {
    const said = { ...apply(manifest()), ts: formatInstant(NOW_MS + 1) };
    expect(faultsOf(bornLog().judge(said))).toEqual(['422_SIGNATURE_INVALID /signature/sig']);
  });

  it('refuses a stranger who signs in the name of a registered key', () => {
    const impostor = { ...key('stranger'), kid: 'root' };
    expect(faultsOf(bornLog().judge(apply(manifest(), WEB, impostor)))).toEqual([
      '422_SIGNATURE_INVALID /signature/sig',
    ]);
  });

  it('refuses a revoked key, and an expired one from its last moment on', () => {
    const log = bornLog();
    const ci = key('ci');
    log.say(keyAdd(ci, ['deploy:*'], { exp: formatInstant(NOW_MS + 1000) }));
    expect(log.judge(apply(manifest(), WEB, ci))).toMatchObject({
      outcome: 'ok',
      validUntilMs: NOW_MS + 1000,
    });
    log.nowMs += 1001;
    expect(faultsOf(log.judge(apply(manifest(), WEB, ci)))).toEqual(['403_FORBIDDEN /signature/kid']);
    log.nowMs = NOW_MS;
    log.say(span(root, 'registry.key.revoke', TENANT_URN, { kid: 'ci', reason: 'rotated' }));
    expect(faultsOf(log.judge(apply(manifest(), WEB, ci)))).toEqual(['403_FORBIDDEN /signature/kid']);
  });

  it('takes a manifest only as long as the key that signed it is good, whoever applies it', () => {
    const log = bornLog();
    const ci = key('ci');
    log.say(keyAdd(ci, ['deploy:*'], { exp: formatInstant(NOW_MS + 1000) }));
    const said = apply(manifest({}, ci));
    expect(log.judge(said)).toMatchObject({ outcome: 'ok', validUntilMs: NOW_MS + 1000 });
    // a moment later a runner would refuse the fact, and with it the whole log
    const late = { span: said, index: log.knowledge.index + 1, timeMs: NOW_MS + 1001 };
    expect(() => verifyFact(late, log.knowledge)).toThrow(expect.objectContaining({ code: 'FACT_REFUSED' }));
  });

  it('lets a key do what its scopes cover and nothing else', () => {
    const log = bornLog();
    const ci = key('ci');
    log.say(keyAdd(ci, ['prove:*']));
    expect(faultsOf(log.judge(apply(manifest(), WEB, ci)))).toEqual(['403_FORBIDDEN /signature/kid']);
    expect(log.judge(apply(manifest(), WEB, ci))).toMatchObject({ ack: { reason: 'scope_missing' } });
  });

  it('lets a request do only what its token may, too', () => {
    const log = bornLog();
    const hash = `blake3:${'1'.repeat(64)}`;
    log.say(
      span(root, 'registry.apikey.create', TENANT_URN, {
        token_id: 'weak',
        hash,
        scopes: ['prove:*'],
        exp: formatInstant(NOW_MS + 5000),
      }),
    );
    expect(log.judge(apply(manifest()), { kind: 'token', token: 'weak' })).toMatchObject({
      ack: { reason: 'token_scope', http_status: 403 },
    });
    expect(log.judge(apply(manifest()), { kind: 'token', token: 'none' })).toMatchObject({
      ack: { reason: 'token_unknown', http_status: 401 },
    });
    log.say(span(root, 'registry.apikey.revoke', TENANT_URN, { token_id: 'weak' }));
    expect(log.judge(apply(manifest()), { kind: 'token', token: 'weak' })).toMatchObject({
      ack: { reason: 'token_dead', http_status: 401 },
    });
  });

  it('lets a log be published by a key and a token that may, again and again', () => {
    const log = bornLog();
    const publish = (isPublic: unknown, by = root) =>
      span(by, 'registry.log.publish', TENANT_URN, { public: isPublic });
    const ci = key('ci');
    log.say(keyAdd(ci, ['deploy:*', 'registry:key']));
    expect(log.judge(publish(true, ci))).toMatchObject({ ack: { code: '403_FORBIDDEN' } });
    expect(log.judge(publish('yes'))).toMatchObject({ ack: { code: '422_SCHEMA_INVALID' } });
    expect(log.judge(span(root, 'registry.log.publish', WEB, { public: true }))).toMatchObject({
      ack: { http_status: 422 },
    });
    log.say(publish(true));
    log.say(publish(true));
    expect(log.judge(publish(false))).toMatchObject({ outcome: 'ok' });
  });

  it('never lets a client write a verdict, nor a service a deploy', () => {
    const { log, ref } = appliedLog();
    const verdict = { cause: deploy(ref).this, proof: 'p', decision: 'allow', reasons: [] };
    expect(faultsOf(log.judge(span(root, 'wallet.proof.verified', WEB, verdict)))).toEqual([
      '403_FORBIDDEN /signature/kid',
    ]);
    expect(faultsOf(log.judge(deploy(ref, {}, orchestrator), own('deploy-orchestrator')))).toEqual([
      '403_FORBIDDEN /signature/kid',
    ]);
    expect(
      faultsOf(
        log.judge(
          span(key('wallet-verifier'), 'wallet.proof.verified', WEB, verdict),
          own('wallet-verifier'),
        ),
      ),
    ).toEqual(['403_FORBIDDEN /intent']);
  });

  it('keeps each to their own door', () => {
    const { log, ref } = appliedLog();
    const plan = span(orchestrator, 'deploy.planned', WEB, {
      deploy: deploy(ref).this,
      action: 'apply',
      ref,
      target: { provider: 'docker' },
      runner: 'runner-1',
      lease: 1,
      deadline: formatInstant(NOW_MS),
      spec_hash: `blake3:${'0'.repeat(64)}`,
    });
    for (const asker of [TOKEN, own('wallet-verifier'), own('runner_voulezvous_runner-1'), OPERATOR]) {
      expect(log.judge(plan, asker)).toMatchObject({ ack: { reason: 'wrong_door' } });
    }
    expect(log.judge(deploy(ref), own('deploy-orchestrator'))).toMatchObject({
      ack: { reason: 'wrong_door' },
    });
    const database = { position: 1, chain: `blake3:${'0'.repeat(64)}` };
    const adoption = span(operator, 'registry.log.adopted', TENANT_URN, { partition: 0, database });
    for (const asker of [TOKEN, OPERATOR, own('tdln-gate')])
      expect(log.judge(adoption, asker)).toMatchObject({ ack: { reason: 'wrong_door' } });
  });
});

describe('the registry', () => {
  const birth = (changes: object, by = operator): readonly string[] =>
    faultsOf(new Log().judge(tenantCreated(changes, by), OPERATOR));

  it('takes a tenant once, from an operator of this installation, with the root key in agreement', () => {
    expect(birth({})).toEqual([]);
    expect(birth({}, root)).toEqual(['403_FORBIDDEN /signature/kid']);
    expect(birth({}, { ...key('stranger'), kid: 'operator' })).toEqual([
      '422_SIGNATURE_INVALID /signature/sig',
    ]);
    expect(birth({ root: { kid: 'root', pub: key('other').pub, scopes: ['registry:*'] } })).toContain(
      '422_SIGNATURE_INVALID /payload/possession',
    );
    expect(faultsOf(bornLog().judge(tenantCreated(), OPERATOR))).toEqual(['403_FORBIDDEN /subject']);
    expect(faultsOf(new Log().judge(tenantCreated(), TOKEN))).toEqual(['403_FORBIDDEN /intent']);
  });

  it('asks for every service, for a root that can change the registry, and for the log of this very tenant', () => {
    expect(birth({ services: [{ service: 'tdln-gate', kid: 'g', pub: key('g').pub }] })).toHaveLength(2);
    expect(birth({ root: { kid: root.kid, pub: root.pub, scopes: ['deploy:*'] } })).toEqual([
      '422_SCHEMA_INVALID /payload/root/scopes',
    ]);
    expect(birth({ origin: 'logline.test/acme' })).toEqual([
      '422_SCHEMA_INVALID /payload/origin',
      '422_SCHEMA_INVALID /payload/log_key',
    ]);
  });

  it('gives one public key one kid, for good', () => {
    const log = bornLog();
    const ci = key('ci');
    log.say(keyAdd(ci, ['deploy:*']));
    expect(log.judge(keyAdd(ci, []))).toMatchObject({
      ack: { details: [{ pointer: '/payload/kid' }, { pointer: '/payload/pub' }] },
    });
    expect(faultsOf(log.judge(keyAdd({ ...ci, kid: 'ci-2' }, [])))).toEqual([
      '422_SCHEMA_INVALID /payload/pub',
    ]);
    expect(faultsOf(log.judge(runnerAdd('runner-2', { ...ci, kid: 'ci-3' })))).toEqual([
      '422_SCHEMA_INVALID /payload/pub',
    ]);
  });

  it('asks the new key itself', () => {
    const forged = span(root, 'registry.key.add', TENANT_URN, {
      tenant: TENANT,
      kid: 'x',
      pub: key('x').pub,
      role: 'client',
      scopes: [],
      possession: `${'A'.repeat(86)}==`,
    });
    expect(bornLog().judge(forged)).toMatchObject({
      restsOnKnowledge: false,
      ack: { reason: 'possession_wrong' },
    });
  });

  it('never revokes the last key that may change it, not even for one that expires', () => {
    const log = bornLog();
    const revoke = (kid: string): ReturnType<Log['judge']> =>
      log.judge(span(root, 'registry.key.revoke', TENANT_URN, { kid, reason: 'rotated' }));
    log.say(keyAdd(key('short'), ['registry:*'], { exp: formatInstant(NOW_MS + 1000) }));
    expect(revoke('root')).toMatchObject({
      ack: { reason: 'last_registry_key' },
      reads: { registry: log.knowledge.index },
    });
    log.say(keyAdd(key('heir'), ['registry:*']));
    expect(revoke('root')).toMatchObject({ outcome: 'ok', writes: ['kid:root', 'registry'] });
    expect(revoke('runner-1-key')).toMatchObject({ ack: { reason: 'not_a_client_key' } });
    expect(revoke('nobody')).toMatchObject({ ack: { code: '404_NOT_FOUND' } });
  });

  it('removes a runner with its key', () => {
    const log = bornLog();
    log.say(span(root, 'registry.runner.remove', TENANT_URN, { runner: 'runner-1' }));
    expect(log.knowledge.keys.get('runner-1-key')?.status).toBe('removed');
    expect(log.judge(span(root, 'registry.runner.remove', TENANT_URN, { runner: 'runner-1' }))).toMatchObject(
      { ack: { code: '404_NOT_FOUND' } },
    );
    log.say(runnerAdd('runner-1', key('runner-1-new')));
    expect(log.knowledge.runners.get('runner-1')).toMatchObject({ status: 'active', kid: 'runner-1-new' });
  });

  it('refuses a token or key that is dead on arrival', () => {
    const past = { exp: formatInstant(NOW_MS - 1) };
    expect(bornLog().judge(keyAdd(key('ci'), [], past))).toMatchObject({ ack: { reason: 'exp_past' } });
  });
});

describe('manifests', () => {
  it('are applied first by the scopes of the key, and then only by a token of the current one', () => {
    const log = bornLog();
    const hash = `blake3:${'1'.repeat(64)}`;
    log.say(span(root, 'registry.apikey.create', TENANT_URN, { token_id: 'other', hash, scopes: ['*'] }));
    const asOther = { kind: 'token', token: 'other' } as const;
    expect(log.judge(apply(manifest()), asOther).outcome).toBe('ok');
    log.say(apply(manifest()));
    expect(log.judge(apply(manifest({ version: '2' })), asOther)).toMatchObject({
      ack: { reason: 'slot_missing' },
    });
    const api = [{ token_id: 'other', scopes: ['deploy:*'], status: 'active' }];
    log.say(apply(manifest({ slots: { signing: [], api } })));
    expect(log.judge(apply(manifest({ version: '2' })), asOther).outcome).toBe('ok');
    expect(log.judge(apply(manifest({ version: '2' })))).toMatchObject({ ack: { reason: 'slot_missing' } });
    expect(log.judge(prove(proof()), asOther).outcome).toBe('no');
  });

  it('rest on registered keys, for their signature and their slots', () => {
    const log = bornLog();
    expect(faultsOf(log.judge(apply(manifest({}, key('stranger')))))).toEqual([
      '422_SIGNATURE_INVALID /payload/manifest/provenance/kid',
    ]);
    const signed = manifest();
    expect(faultsOf(log.judge(apply({ ...signed, version: '9' })))).toEqual([
      '422_SIGNATURE_INVALID /payload/manifest/provenance/sig',
    ]);
    const slots = { signing: [{ kid: 'root', pub: key('x').pub, status: 'active' }], api: [] };
    expect(faultsOf(log.judge(apply(manifest({ slots }))))).toEqual([
      '422_SCHEMA_INVALID /payload/manifest/slots/signing/0',
    ]);
  });

  it('carry only grants that the key which may grant has signed, for this container', () => {
    const log = bornLog();
    const ci = key('ci');
    log.say(keyAdd(ci, ['deploy:*']));
    expect(log.judge(apply(secretManifest())).outcome).toBe('ok');
    expect(log.judge(apply(secretManifest({ ...grant(), ttl: 'P31D' })))).toMatchObject({
      ack: { reason: 'signature_wrong' },
    });
    expect(log.judge(apply(secretManifest(grant({}, ci))))).toMatchObject({
      ack: { reason: 'scope_missing' },
    });
    expect(
      log.judge(apply(secretManifest(grant({ subject: 'urn:minicontainer:voulezvous/other' })))),
    ).toMatchObject({
      restsOnKnowledge: false,
      ack: { reason: 'grant_differs' },
    });
  });

  it('are sent inline', () => {
    const verdict = bornLog().judge(
      span(root, 'minicontainer.apply', WEB, { manifest_ref: `blake3:${'0'.repeat(64)}` }),
    );
    expect(verdict).toMatchObject({ ack: { status: 'need_more', missing_fields: ['/payload/manifest'] } });
  });

  it('of another tenant are refused', () => {
    expect(faultsOf(bornLog().judge(apply(manifest({ owner: { tenant: 'acme' } }))))).toEqual([
      '403_FORBIDDEN /payload/manifest/owner/tenant',
    ]);
  });
});

describe('deploys', () => {
  it('need a proof, and the answer says which one and how to make it', () => {
    const { log, ref } = appliedLog();
    const verdict = log.judge(deploy(ref));
    expect(verdict).toMatchObject({
      outcome: 'no',
      restsOnKnowledge: true,
      ack: {
        status: 'invalid',
        code: '428_PROOF_REQUIRED',
        http_status: 428,
        reason: 'proof_required',
        suggested_reply: `Run logline wallet prove deploy.allow --subject ${WEB} --ref ${ref}, then send the deploy again.`,
      },
    });
    expect(verdict.reads).toHaveProperty(`proofs:${WEB}`);
    log.say(prove(proof({ ref })));
    expect(log.judge(deploy(ref)).outcome).toBe('ok');
  });

  it('spend a proof once', () => {
    const { log, ref } = appliedLog();
    const permit = proof({ ref });
    log.say(prove(permit));
    expect(log.judge(deploy(ref))).toMatchObject({
      outcome: 'ok',
      writes: [`lease:${WEB}`, `proofs:${WEB}`, `proof:${permit.id}`],
    });
    log.say(deploy(ref));
    expect(log.judge(deploy(ref))).toMatchObject({ ack: { http_status: 428 } });
    expect(log.judge(deploy(ref, { proof: permit.id }))).toMatchObject({
      ack: { details: [{ message: expect.stringContaining('it is spent') }] },
    });
  });

  it('take of several proofs the one that expires last', () => {
    const { log, ref } = appliedLog();
    const [short, long] = [proof({ ref }), proof({ ref, exp: formatInstant(NOW_MS + 800_000) })];
    log.say(prove(short));
    log.say(prove(long));
    log.say(prove(proof({ ref, intent: 'deploy.rollback', exp: formatInstant(NOW_MS + 900_000) })));
    expect(log.judge(deploy(ref))).toMatchObject({
      writes: expect.arrayContaining([`proof:${long.id}`]),
      validUntilMs: NOW_MS + 800_000,
    });
    expect(log.judge(deploy(ref, { proof: short.id }))).toMatchObject({
      writes: expect.arrayContaining([`proof:${short.id}`]),
    });
  });

  it('refuse a proof that expired, was made for another, or whose key was revoked since', () => {
    const { log, ref } = appliedLog();
    const prover = key('prover');
    log.say(keyAdd(prover, ['prove:*', 'deploy:*']));
    log.say(prove(proof({ ref }, prover)));
    expect(log.judge(deploy(ref))).toMatchObject({ ack: { http_status: 428 } });
    log.say(prove(proof({ ref, aud: ['root'] }, prover)));
    expect(log.judge(deploy(ref)).outcome).toBe('ok');
    log.say(span(root, 'registry.key.revoke', TENANT_URN, { kid: 'prover', reason: 'rotated' }));
    expect(log.judge(deploy(ref))).toMatchObject({
      ack: { http_status: 428 },
      reads: { 'kid:prover': log.knowledge.index },
    });
    log.say(prove(proof({ ref })));
    log.nowMs += 600_001;
    expect(log.judge(deploy(ref))).toMatchObject({
      ack: { details: [{ message: expect.stringContaining('expired') }] },
    });
  });

  it('go only where the manifest says', () => {
    const body = manifest({ deploy: { targets: [{ provider: 'railway', project_id: 'rw1' }] } });
    const { log, ref } = appliedLog(body);
    log.say(prove(proof({ ref })));
    expect(faultsOf(log.judge(deploy(ref)))).toEqual(['403_FORBIDDEN /payload/target']);
    expect(log.judge(deploy(ref, { target: { provider: 'railway', project_id: 'rw2' } }))).toMatchObject({
      ack: { reason: 'target_denied' },
    });
    expect(
      log.judge(deploy(ref, { target: { provider: 'railway', project_id: 'rw1', service: 'web' } })).outcome,
    ).toBe('ok');
  });

  it('answer a short ref with the full one, and an ambiguous one with the candidates', () => {
    const { log, ref } = appliedLog();
    const hex = ref.split('blake3:')[1] ?? '';
    for (const short of ['mc:voulezvous/web', `mc:voulezvous/web@blake3:${hex.slice(0, 4)}`]) {
      expect(log.judge(deploy(short))).toMatchObject({
        restsOnKnowledge: true,
        ack: {
          status: 'need_more',
          missing_fields: ['/payload/ref'],
          suggested_reply: expect.stringContaining(ref),
        },
      });
    }
    expect(log.judge(deploy('mc:voulezvous/web@blake3:0000'))).toMatchObject({
      ack: { status: 'need_more' },
    });
    expect(log.judge(prove(proof({ ref: `mc:voulezvous/web@blake3:${hex.slice(0, 8)}` })))).toMatchObject({
      ack: { status: 'need_more', missing_fields: ['/payload/proof/ref'] },
    });
  });

  it('of an unknown ref, or of another container, are told what to do', () => {
    const { log } = appliedLog();
    expect(log.judge(deploy(`mc:voulezvous/web@blake3:${'0'.repeat(64)}`))).toMatchObject({
      ack: { status: 'need_more' },
    });
    expect(log.judge(deploy(`mc:voulezvous/api@blake3:${'0'.repeat(64)}`))).toMatchObject({
      restsOnKnowledge: false,
      ack: { reason: 'ref_of_other' },
    });
  });

  it('of an earlier ref are fine, until its key is compromised', () => {
    const log = bornLog();
    const builder = key('builder');
    log.say(keyAdd(builder, []));
    const old = manifest({}, builder);
    const ref = refOf(WEB, old) ?? '';
    const applied = log.say(apply(old));
    log.say(apply(manifest({ version: '2' })));
    log.say(prove(proof({ ref })));
    expect(log.judge(deploy(ref)).outcome).toBe('ok');
    log.say(span(root, 'registry.key.revoke', TENANT_URN, { kid: 'builder', reason: 'rotated' }));
    expect(log.judge(deploy(ref)).outcome).toBe('ok');
    log.say(
      span(root, 'registry.key.revoke', TENANT_URN, {
        kid: 'builder',
        reason: 'compromised',
        since_index: applied.index,
      }),
    );
    expect(log.judge(deploy(ref))).toMatchObject({ ack: { reason: 'manifest_compromised' } });
  });

  it('open grants that are whole, unexpired, unrevoked, for this place and wrapped to a runner there', () => {
    const outcome = (given: ReturnType<typeof grant>, before: (log: Log) => void = () => {}): string => {
      const { log, ref } = appliedLog(secretManifest(given));
      log.say(prove(proof({ ref })));
      before(log);
      const verdict = log.judge(deploy(ref));
      return verdict.outcome === 'ok' ? 'ok' : (verdict.ack.details[0]?.message ?? '');
    };
    expect(outcome(grant())).toBe('ok');
    const { id, artifact_id, scope, ttl, aud, sig } = grant();
    expect(outcome({ id, artifact_id, scope, ttl, aud, sig })).toContain(
      'no artifact_hash, subject, iat, kid, wraps',
    );
    const { wraps: _wraps, ...unwrapped } = grant();
    expect(outcome(unwrapped)).toContain('no wraps');
    expect(outcome(grant({ ttl: 'PT1S' }), (log) => void (log.nowMs += 2000))).toContain('it expired');
    expect(
      outcome(
        grant({ iat: formatInstant(NOW_MS + 86_400_000 * 300), ttl: 'PT1S' }),
        (log) => void (log.nowMs += 2000),
      ),
    ).toContain('it expired');
    expect(outcome(grant({ scope: ['build:read'] }))).toContain('scope');
    expect(
      outcome(grant(), (log) => void log.say(span(root, 'wallet.grant.revoke', WEB, { grant: 'grt_db' }))),
    ).toContain('revoked');
    expect(outcome({ ...grant(), wraps: [{ runner: 'gone', enc: 'AAAA', ct: 'AAAA' }] })).toContain(
      'not wrapped',
    );
    expect(
      outcome(
        grant(),
        (log) => void log.say(span(root, 'registry.runner.remove', TENANT_URN, { runner: 'runner-1' })),
      ),
    ).toContain('not wrapped');
  });
});

describe('answers', () => {
  it('are in the language asked for', () => {
    const { log, ref } = appliedLog();
    expect(log.judge(deploy(ref), TOKEN, 'pt-BR')).toMatchObject({
      ack: {
        suggested_reply: `Execute logline wallet prove deploy.allow --subject ${WEB} --ref ${ref}, e envie o deploy de novo.`,
      },
    });
  });

  it('carry the id of the span, a code, a pointer, a message and a fix in every detail', () => {
    const verdict = bornLog().judge(span(root, 'deploy.apply', WEB, { ref: 7, colour: 1 }));
    if (verdict.outcome === 'ok') throw new Error('it was taken');
    for (const detail of verdict.ack.details) {
      expect(Object.values(detail).every((text) => typeof text === 'string')).toBe(true);
      expect(detail.fix).not.toBe('');
    }
    expect(verdict.ack.this).toMatch(/^urn:span:/);
    expect(verdict.ack.errors).toHaveLength(verdict.ack.details.length);
  });
});

describe('sizes', () => {
  it('are those of the canonical bytes', () => {
    const log = bornLog();
    const body = manifest({ deploy: { env: { TEXT: 'é'.repeat(31_000) } } });
    expect(canonicalBytes(body).length).toBeGreaterThan(60_000);
    expect(log.judge(apply(body)).outcome).toBe('ok');
  });
});
