import { formatHex, parseHex, signerFromSeed, utf8 } from '@logline/canon-sign';
import { checkerOf, Grant } from '@logline/contracts';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FullGrant, grantExpiryMs, makeGrant, verifyGrant } from './grant.ts';
import { deriveHpkeKeyPair } from './hpke-key.ts';
import { hashArtifact, openArtifact, sealArtifact } from './seal.ts';
import { unwrapContentKey, wrapContentKey } from './wrap.ts';

const nowMs = Date.parse('2026-11-23T12:00:00.000Z');
const day = 86_400_000;
const signer = signerFromSeed('kid_sign_1', new Uint8Array(32).fill(1));
const hash = `blake3:${'ab'.repeat(32)}`;
const terms = {
  id: 'grt_db',
  artifactId: 'secret_db_url',
  artifactHash: hash,
  subject: 'urn:minicontainer:voulezvous/web',
  scope: ['runtime:read'],
  iatMs: nowMs,
  ttl: 'P30D',
  aud: 'docker',
};
const use = {
  publicKey: signer.publicKey,
  subject: terms.subject,
  artifact: { id: 'secret_db_url', hash },
  target: { provider: 'docker' },
  nowMs,
  logTimeMs: nowMs,
};
const grant = await makeGrant(terms, signer);
const isGrant = checkerOf(Grant);

describe('makeGrant', () => {
  it('gives a grant the contract knows, signed by the key it names', () => {
    expect(isGrant.check(grant)).toBe(true);
    expect(grant).toMatchObject({
      kid: 'kid_sign_1',
      iat: '2026-11-23T12:00:00.000Z',
      sig: expect.stringMatching(/^ed25519:/),
    });
    expect(verifyGrant(grant, use)).toEqual(grant);
  });

  it('refuses durations with months, and subjects that are no containers', async () => {
    await expect(makeGrant({ ...terms, ttl: 'P1M' }, signer)).rejects.toMatchObject({ code: 'MALFORMED' });
    await expect(makeGrant({ ...terms, subject: 'urn:tenant:voulezvous' }, signer)).rejects.toMatchObject({
      code: 'MALFORMED',
    });
  });
});

describe('verifyGrant', () => {
  it.each([
    ['GRANT_INCOMPLETE', { grant: { ...grant, artifact_hash: undefined } }],
    ['GRANT_SIGNATURE', { grant: { ...grant, ttl: 'P300D' } }],
    ['GRANT_SIGNATURE', { use: { publicKey: new Uint8Array(32).fill(9) } }],
    ['GRANT_SUBJECT', { use: { subject: 'urn:minicontainer:voulezvous/api' } }],
    ['GRANT_ARTIFACT', { use: { artifact: { id: 'secret_db_url', hash: `blake3:${'cd'.repeat(32)}` } } }],
    ['GRANT_ARTIFACT', { use: { artifact: { id: 'other', hash } } }],
    ['GRANT_AUDIENCE', { use: { target: { provider: 'railway' } } }],
    ['GRANT_SCOPE', { use: { scope: 'build:read' } }],
    ['GRANT_NOT_YET', { use: { nowMs: nowMs - day } }],
    ['GRANT_EXPIRED', { use: { nowMs: nowMs + 30 * day } }],
    ['GRANT_EXPIRED', { use: { nowMs: nowMs + 29 * day, logTimeMs: nowMs - 2 * day } }],
  ] as const)(
    'refuses with %s',
    (code, change: { grant?: Grant; use?: Partial<typeof use> & { scope?: string } }) => {
      expect(() => verifyGrant(change.grant ?? grant, { ...use, ...change.use })).toThrow(
        expect.objectContaining({ code }),
      );
    },
  );

  it('takes a grant until the instant it ends, whatever wraps stand beside it', () => {
    const wrapped: FullGrant = { ...grant, wraps: [{ runner: 'r', enc: 'AAAA', ct: 'AAAA' }] };
    expect(verifyGrant(wrapped, { ...use, nowMs: nowMs + 30 * day - 1 })).toBe(wrapped);
  });

  it('counts from log time where that is earlier, and for short grants', () => {
    expect(grantExpiryMs(grant, nowMs + day)).toBe(nowMs + 30 * day);
    expect(grantExpiryMs(grant, nowMs - day)).toBe(nowMs + 29 * day);
    expect(grantExpiryMs({ ...grant, iat: undefined, ttl: 'PT90M' }, nowMs)).toBe(nowMs + 5_400_000);
    expect(() => grantExpiryMs({ ...grant, ttl: 'P' }, nowMs)).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
  });
});

describe('a wrapped content key', async () => {
  const runner = await deriveHpkeKeyPair(new Uint8Array(32).fill(4));
  const other = await deriveHpkeKeyPair(new Uint8Array(32).fill(5));
  const contentKey = new Uint8Array(32).fill(6);
  const wrap = await wrapContentKey({
    contentKey,
    tenant: 'voulezvous',
    runner: 'runner-1',
    hpkePublicKey: runner.publicKey,
    grant,
  });
  const opening = { wrap, tenant: 'voulezvous', grant, hpkePrivateKey: runner.privateKey };

  it('opens for its runner, its grant and its tenant, for any content key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (key) => {
        const made = await wrapContentKey({
          contentKey: key,
          tenant: 'voulezvous',
          runner: 'runner-1',
          hpkePublicKey: runner.publicKey,
          grant,
        });
        expect(await unwrapContentKey({ ...opening, wrap: made })).toEqual(key);
      }),
      { numRuns: 10 },
    );
  });

  it('is bound to the grant without its signature and wraps', async () => {
    const { sig: _sig, ...unsigned } = grant;
    expect(await unwrapContentKey({ ...opening, grant: unsigned })).toEqual(contentKey);
  });

  it.each([
    ['another runner key', { hpkePrivateKey: other.privateKey }],
    ['another tenant', { tenant: 'other' }],
    ['another runner name', { wrap: { ...wrap, runner: 'runner-2' } }],
    ['a longer grant', { grant: { ...grant, ttl: 'P300D' } }],
    ['another container', { grant: { ...grant, subject: 'urn:minicontainer:voulezvous/api' } }],
    ['an encapsulation of nothing', { wrap: { ...wrap, enc: '' } }],
    [
      'a changed ciphertext',
      { wrap: { ...wrap, ct: `${wrap.ct.startsWith('A') ? 'B' : 'A'}${wrap.ct.slice(1)}` } },
    ],
    ['text that is no base64', { wrap: { ...wrap, ct: 'not base64' } }],
  ])('does not open for %s', async (_what, change) => {
    await expect(unwrapContentKey({ ...opening, ...change })).rejects.toMatchObject({
      name: 'WalletError',
      code: 'WRAP_UNREADABLE',
    });
  });

  it.each(
    [
      ['', runner.privateKey.slice(2), runner.privateKey.toUpperCase().replace(/\d/g, 'A'), 'zz'.repeat(32)],
    ].flat(),
  )('takes no key that is not 64 hex (%#)', async (hex) => {
    await expect(unwrapContentKey({ ...opening, hpkePrivateKey: hex })).rejects.toMatchObject({
      code: 'MALFORMED',
    });
    await expect(
      wrapContentKey({ contentKey, tenant: 'voulezvous', runner: 'r', hpkePublicKey: hex, grant }),
    ).rejects.toMatchObject({ code: 'MALFORMED' });
  });

  it('is refused for a public key of small order, which would share its secret with everybody', async () => {
    const zero = '00'.repeat(32);
    await expect(
      wrapContentKey({ contentKey, tenant: 'voulezvous', runner: 'r', hpkePublicKey: zero, grant }),
    ).rejects.toMatchObject({ name: 'WalletError', code: 'MALFORMED' });
  });

  it('carries a secret from wallet to runner', async () => {
    const place = { tenant: 'voulezvous', artifactId: 'secret_db_url' };
    const sealed = sealArtifact({
      ...place,
      plaintext: utf8('postgres://app@db'),
      contentKey,
      nonce: new Uint8Array(24),
    });
    const own = await makeGrant({ ...terms, artifactHash: hashArtifact(sealed) }, signer);
    const wrapped = await wrapContentKey({
      contentKey,
      tenant: 'voulezvous',
      runner: 'runner-1',
      hpkePublicKey: runner.publicKey,
      grant: own,
    });
    const key = await unwrapContentKey({
      wrap: wrapped,
      tenant: 'voulezvous',
      hpkePrivateKey: runner.privateKey,
      grant: own,
    });
    expect(new TextDecoder().decode(openArtifact({ ...place, sealed, contentKey: key }))).toBe(
      'postgres://app@db',
    );
  });
});

describe('the published vectors', () => {
  type Vectors = {
    hpke_key_pairs: { key_material: string; private_key: string; public_key: string }[];
    sealed: {
      tenant: string;
      artifact_id: string;
      content_key: string;
      nonce: string;
      plaintext: string;
      sealed: string;
      hash: string;
    }[];
    grants: { seed: string; public_key: string; grant: Grant }[];
    wraps: {
      tenant: string;
      private_key: string;
      grant: Grant;
      wrap: { runner: string; enc: string; ct: string };
      content_key: string | null;
    }[];
  };
  const file = join(import.meta.dirname, '../../../spec/vectors/wallet/secrets.json');
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors; // our own file

  it('derive the HPKE key pairs', async () => {
    for (const { key_material, ...pair } of vectors.hpke_key_pairs) {
      expect(await deriveHpkeKeyPair(parseHex(key_material))).toEqual({
        privateKey: pair.private_key,
        publicKey: pair.public_key,
      });
    }
  });

  it('seal and open the artifacts', () => {
    for (const vector of vectors.sealed) {
      const place = {
        tenant: vector.tenant,
        artifactId: vector.artifact_id,
        contentKey: parseHex(vector.content_key),
      };
      const sealed = sealArtifact({
        ...place,
        nonce: parseHex(vector.nonce),
        plaintext: parseHex(vector.plaintext),
      });
      expect(formatHex(sealed)).toBe(vector.sealed);
      expect(hashArtifact(sealed)).toBe(vector.hash);
      expect(formatHex(openArtifact({ ...place, sealed }))).toBe(vector.plaintext);
    }
  });

  it('sign the grants', async () => {
    for (const vector of vectors.grants) {
      const { grant: g } = vector;
      const made = await makeGrant(
        {
          id: g.id,
          artifactId: g.artifact_id,
          artifactHash: g.artifact_hash ?? '',
          subject: g.subject ?? '',
          scope: g.scope,
          iatMs: Date.parse(g.iat ?? ''),
          ttl: g.ttl,
          aud: g.aud,
        },
        signerFromSeed(g.kid ?? '', parseHex(vector.seed)),
      );
      expect(made).toEqual(g);
    }
  });

  it('open the wraps, and only those that belong', async () => {
    const refusal = expect.objectContaining({ code: 'WRAP_UNREADABLE' });
    for (const { private_key, content_key, ...vector } of vectors.wraps) {
      const opened = await unwrapContentKey({ ...vector, hpkePrivateKey: private_key }).then(
        formatHex,
        (error: unknown) => error,
      );
      expect(opened).toEqual(content_key ?? refusal);
    }
  });
});
