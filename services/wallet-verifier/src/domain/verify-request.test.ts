import { canonicalBytes, parseHex, verifyObject } from '@logline/canon-sign';
import type { AcceptRequest, JudgedSpan, Span } from '@logline/contracts';
import { emptyKnowledge, fold, verdictSpan, type Knowledge } from '@logline/tdln';
import {
  applySpan,
  NOW_MS,
  proofFor,
  proofSpan,
  signedSpan,
  SUBJECT,
  TENANT,
  tenantCreatedSpan,
  testKey,
  type SignedSpan,
} from '@logline/testing';
import { describe, expect, it } from 'vitest';
import { indexBehind, verifyRequest, type Verified } from './verify-request.ts';

const apply = applySpan();
const signer = testKey('wallet-verifier').signer;

/** A tenant with one manifest applied. */
function knowledge(): Knowledge {
  const known = emptyKnowledge(TENANT);
  const payload = { kind: 'minicontainer/applied.v1', cause: apply.span.this, ok: true, ref: apply.ref };
  const by = { service: 'tdln-gate', signer: testKey('tdln-gate').signer } as const;
  const spans = [
    tenantCreatedSpan().span,
    apply.span,
    verdictSpan(apply.span, 'minicontainer.applied', payload, by).span,
  ];
  for (const [index, span] of spans.entries()) fold(known, { span, index, timeMs: NOW_MS });
  return known;
}

type Sent = {
  readonly span: SignedSpan;
  readonly judged?: Partial<JudgedSpan>;
  readonly verdict?: Uint8Array;
};

function requestOf(sent: readonly Sent[]): {
  readonly request: AcceptRequest;
  readonly bodies: readonly Uint8Array[];
} {
  const spans = sent.map(({ span, judged, verdict }, position): JudgedSpan => ({
    position,
    length: span.bytes.length,
    verdict_length: verdict?.length ?? 0,
    role: 'client',
    reads: { tenant: 2 },
    writes: ['proof:x'],
    ...judged,
  }));
  return {
    request: {
      trace: '0'.repeat(32),
      reply: '_INBOX.gateway.a.b',
      tenant: TENANT,
      language: 'en',
      caller: { kind: 'token', token: 'tok1' },
      submitted_ms: NOW_MS,
      deadline_ms: NOW_MS + 1000,
      attempt: 0,
      spans,
    },
    bodies: sent.flatMap(({ span, verdict }) =>
      verdict === undefined ? [span.bytes] : [span.bytes, verdict],
    ),
  };
}

const verify = (sent: readonly Sent[], nowMs = NOW_MS, known = knowledge(), by = signer): Verified =>
  verifyRequest({ ...requestOf(sent), knowledge: known, signer: by, nowMs });
const parse = (bytes: Uint8Array | undefined): Span => JSON.parse(new TextDecoder().decode(bytes));
const goodProof = proofFor({ ref: apply.ref });

describe('the verifier', () => {
  it('puts a signed verdict behind a proof, and says what it rests on', () => {
    const { request, bodies, allowed } = verify([{ span: proofSpan({ proof: goodProof }) }]);
    const verdict = parse(bodies[1]);
    expect(verdict).toMatchObject({
      intent: 'wallet.proof.verified',
      subject: SUBJECT,
      entity_type: 'decision',
      payload: { proof: goodProof.id, decision: 'allow', reasons: [] },
    });
    expect(() => verifyObject('span', verdict, parseHex(testKey('wallet-verifier').pub))).not.toThrow();
    expect(allowed).toBe(1);
    expect(request.spans).toMatchObject([
      {
        verdict_length: bodies[1]?.length,
        reads: { tenant: 2, 'kid:root': 2, [`proof:${goodProof.id}`]: 2, [`ref:${apply.ref}`]: 2 },
        writes: ['proof:x'],
        valid_until_ms: Date.parse(goodProof.exp),
      },
    ]);
  });

  it('makes the same verdict twice, byte for byte', () => {
    const sent = [{ span: proofSpan({ proof: goodProof }) }];
    expect(verify(sent).bodies).toEqual(verify(sent).bodies);
  });

  it.each([
    ['expired', proofFor({ ref: apply.ref, iatMs: NOW_MS - 900_000, lastsMs: 800_000 }), 'expired'],
    ['from the future', proofFor({ ref: apply.ref, iatMs: NOW_MS + 600_000 }), 'still to come'],
    ['by a stranger', proofFor({ ref: apply.ref, key: testKey('stranger') }), 'not registered'],
    ['by a service', proofFor({ ref: apply.ref, key: testKey('tdln-gate') }), 'not registered'],
    ['changed after signing', { ...goodProof, id: 'other' }, 'not the signature'],
    [
      'for a manifest that never was',
      proofFor({ ref: `mc:acme/web@blake3:${'0'.repeat(64)}` }),
      'not among the applied',
    ],
  ])('denies a proof %s, with the reason, and lets that change nothing', (_what, proof, reason) => {
    const { request, bodies, denied } = verify([{ span: proofSpan({ proof }) }]);
    expect(parse(bodies[1]).payload).toMatchObject({
      decision: 'deny',
      reasons: [expect.stringContaining(reason)],
    });
    expect(request.spans).toMatchObject([{ writes: [] }]);
    expect(request.spans[0]?.valid_until_ms).toBeUndefined();
    expect(denied).toBe(1);
  });

  it('confirms that a grant is taken back', () => {
    const span = signedSpan({ intent: 'wallet.grant.revoke', subject: SUBJECT, payload: { grant: 'g1' } });
    const { bodies } = verify([{ span }]);
    expect(parse(bodies[1])).toMatchObject({
      intent: 'wallet.grant.revoked',
      payload: { cause: span.span.this, grant: 'g1' },
    });
  });

  it('leaves alone what is not its own: a no, other intents, verdicts of others', () => {
    const refused = { span: proofSpan({ proof: goodProof }), judged: { no: { status: 'invalid' } as never } };
    const applied = { span: apply, verdict: canonicalBytes({ some: 'verdict' }) };
    const stop = { span: signedSpan({ intent: 'deploy.stop', subject: SUBJECT, payload: {} }) };
    const sent = [refused, applied, stop];
    const { request, bodies } = requestOf(sent);
    expect(verify(sent)).toEqual({ request, bodies, allowed: 0, denied: 0 });
  });

  it('holds the older of two reads, since both verdicts must hold', () => {
    const { request } = verify([
      { span: proofSpan({ proof: goodProof }), judged: { reads: { 'kid:root': 1, tenant: 1 } } },
    ]);
    expect(request.spans[0]?.reads).toMatchObject({ 'kid:root': 1, tenant: 1, [`proof:${goodProof.id}`]: 2 });
  });

  it('signs nothing for a tenant that does not know its key', () => {
    const { request, bodies } = verify(
      [{ span: proofSpan({ proof: goodProof }) }],
      NOW_MS,
      knowledge(),
      testKey('impostor').signer,
    );
    expect(bodies).toHaveLength(1);
    expect(request.spans).toMatchObject([
      { no: { code: '503_UNAVAILABLE', trace_id: request.trace }, writes: [] },
    ]);
  });

  it('refuses bytes that are no span, which the gate would never send', () => {
    const span = { ...proofSpan({ proof: goodProof }), bytes: new Uint8Array([1]) };
    expect(() => verify([{ span }])).toThrow(expect.objectContaining({ code: 'NOT_A_SPAN' }));
  });

  it('knows how much the gate knew', () => {
    expect(
      indexBehind(requestOf([{ span: apply, judged: { reads: { a: 4, b: 7 } } }, { span: apply }]).request),
    ).toBe(7);
    expect(indexBehind(requestOf([{ span: apply, judged: { reads: {} } }]).request)).toBe(-1);
  });
});
