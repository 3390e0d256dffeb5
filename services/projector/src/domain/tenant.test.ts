import type { KeyAdd, RunnerAdd, TenantCreated } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { emptyTenant, evolveTenant, expiryMs, type TenantFact, type TenantView } from './tenant.ts';

const possession = `${'A'.repeat(86)}==`;
const pub = (n: number): string => n.toString(16).padStart(64, '0');
const hash = (n: number): string => `blake3:${pub(n)}`;

const created: TenantFact = {
  intent: 'registry.tenant.created',
  payload: {
    tenant: 'acme',
    origin: 'logline.test/acme',
    log_key: 'logline.test/acme+1+x',
    root: { kid: 'root', pub: pub(1), scopes: ['*'] },
    services: [{ service: 'tdln-gate', kid: 'gate', pub: pub(2) }],
    api_key: { token_id: 'tok1', hash: hash(1), scopes: ['*'] },
    possession,
  } satisfies TenantCreated,
};
const keyAdd = (kid: string, exp?: string): TenantFact => ({
  intent: 'registry.key.add',
  payload: {
    tenant: 'acme',
    kid,
    pub: pub(3),
    role: 'client',
    scopes: ['deploy:*'],
    ...(exp === undefined ? {} : { exp }),
    possession,
  } satisfies KeyAdd,
});
const runnerAdd = (runner: string, kid: string): TenantFact => ({
  intent: 'registry.runner.add',
  payload: {
    tenant: 'acme',
    runner,
    kid,
    pub: pub(4),
    hpke_pub: pub(5),
    providers: ['docker'],
    possession,
  } satisfies RunnerAdd,
});
const given = (...facts: readonly TenantFact[]): TenantView => facts.reduce(evolveTenant, emptyTenant);

describe('a tenant', () => {
  it('is born with its root key, the keys of its services and one token', () => {
    expect(given(created)).toMatchObject({
      origin: 'logline.test/acme',
      keys: [
        { kid: 'root', role: 'client', scopes: ['*'], status: 'active', since: 0 },
        { kid: 'gate', role: 'service', scopes: [], status: 'active' },
      ],
      api_keys: [{ token_id: 'tok1', hash: hash(1), status: 'active' }],
      runners: [],
    });
  });

  it('has the keys that were added and not revoked', () => {
    const exp = '2027-01-01T00:00:00Z';
    const revoke: TenantFact = {
      intent: 'registry.key.revoke',
      payload: { kid: 'laptop', reason: 'rotated' },
    };
    const view = given(created, keyAdd('laptop', exp), keyAdd('phone'), revoke);
    expect(view.keys.map(({ kid, status }) => [kid, status])).toEqual([
      ['root', 'active'],
      ['gate', 'active'],
      ['laptop', 'revoked'],
      ['phone', 'active'],
    ]);
    expect(view.keys.find(({ kid }) => kid === 'laptop')).toMatchObject({ exp, since: 1 });
  });

  it('has a log whose keys follow each other', () => {
    const rotated = (log_key: string, from: string): TenantFact => ({
      intent: 'registry.log.rotated',
      payload: {
        tenant: 'acme',
        origin: 'logline.test/acme',
        previous: 'v1',
        log_key,
        from,
        possession: 'x',
      },
    });
    const [first, second] = ['2027-01-01T00:00:00Z', '2028-01-01T00:00:00Z'] as const;
    const view = given(created, rotated('v2', first), rotated('v3', second));
    expect(view.log_key).toBe(given(created).log_key);
    expect(view.rotations).toEqual([
      { log_key: 'v2', from: first, since: 1 },
      { log_key: 'v3', from: second, since: 2 },
    ]);
  });

  it('has tokens that can be revoked', () => {
    const view = given(
      created,
      {
        intent: 'registry.apikey.create',
        payload: { token_id: 'tok2', hash: hash(2), scopes: ['deploy:*'] },
      },
      { intent: 'registry.apikey.revoke', payload: { token_id: 'tok1' } },
    );
    expect(view.api_keys.map(({ token_id, status }) => [token_id, status])).toEqual([
      ['tok1', 'revoked'],
      ['tok2', 'active'],
    ]);
  });

  it('revokes the key of a runner that is removed; its name may come back with a new key', () => {
    const remove: TenantFact = { intent: 'registry.runner.remove', payload: { runner: 'home' } };
    const removed = given(created, runnerAdd('home', 'k1'), remove);
    expect(removed.runners).toMatchObject([{ runner: 'home', kid: 'k1', status: 'removed' }]);
    expect(removed.keys.at(-1)).toMatchObject({ kid: 'k1', role: 'runner', status: 'revoked' });
    const back = evolveTenant(removed, runnerAdd('home', 'k2'), 9);
    expect(back.runners).toMatchObject([{ runner: 'home', kid: 'k2', status: 'active' }]);
    expect(evolveTenant(given(created), remove, 1)).toEqual(given(created));
  });

  it('has a log that anybody may read from when it is published until it is not', () => {
    const publish = (isPublic: boolean): TenantFact => ({
      intent: 'registry.log.publish',
      payload: { public: isPublic },
    });
    expect(given(created).public).toBeUndefined();
    expect(given(created, publish(true)).public).toBe(true);
    expect(given(created, publish(true), publish(true), publish(false))).toMatchObject({
      public: false,
      keys: given(created).keys,
    });
  });

  it('is the same after its log was adopted', () => {
    const found = { position: 1, chain: `blake3:${'0'.repeat(64)}` };
    const adopted: TenantFact = {
      intent: 'registry.log.adopted',
      payload: { partition: 0, database: found },
    };
    expect(given(created, adopted)).toEqual(given(created));
  });

  it('never has two entries of one kid or token id', () => {
    const twice = given(created, keyAdd('laptop'), keyAdd('laptop'), keyAdd('root'));
    expect(twice.keys.map(({ kid }) => kid)).toEqual(['gate', 'laptop', 'root']);
  });
});

it('an expiry is milliseconds, or null', () => {
  expect(expiryMs('2027-01-01T00:00:00Z')).toBe(Date.UTC(2027, 0, 1));
  expect(expiryMs(undefined)).toBeNull();
});
