import { canonicalBytes, utf8 } from '@logline/canon-sign';
import { describe, expect, it } from 'vitest';
import { apply, bornLog, manifest, NOW_MS, TENANT, type Fact } from '../test/world.ts';
import { TenantKnowledge, type StoredFact } from './tenant-knowledge.ts';

const stored = ({ span, index, timeMs }: Fact, tenant = TENANT): StoredFact => ({
  bytes: canonicalBytes(span),
  place: { tenant, index, timeMs },
});
const log = bornLog();
log.say(apply(manifest()));
const facts = log.facts.map((fact) => stored(fact));
const never = new AbortController().signal;

describe('knowledge of tenants', () => {
  it('follows each log, and ignores what it has taken', () => {
    const known = new TenantKnowledge();
    for (const fact of [...facts, ...facts]) known.take(fact);
    expect(known.of(TENANT)).toEqual(log.knowledge);
  });

  it('does not grow by being asked about strangers', () => {
    const known = new TenantKnowledge();
    expect(known.of('nobody').index).toBe(-1);
    expect(known.all).toEqual([]);
  });

  it('lets those who need an index wait for it, until they lose patience', async () => {
    const known = new TenantKnowledge();
    const patience = new AbortController();
    const [soon, later] = [known.reached(TENANT, 1, never), known.reached(TENANT, 9, patience.signal)];
    for (const fact of facts) known.take(fact);
    await expect(soon).resolves.toBe(true);
    patience.abort();
    await expect(later).resolves.toBe(false);
    await expect(known.reached(TENANT, 2, never)).resolves.toBe(true);
    await expect(known.reached(TENANT, 9, patience.signal)).resolves.toBe(false);
  });

  it('refuses gaps and damage, and can give up one tenant without the others', () => {
    const known = new TenantKnowledge();
    const [first, second, third] = facts;
    if (first === undefined || second === undefined || third === undefined) throw new Error('too few facts');
    known.take(first);
    expect(() => known.take(third)).toThrow(expect.objectContaining({ code: 'GAP' }));
    const place = { tenant: TENANT, index: 1, timeMs: NOW_MS };
    for (const bytes of [utf8('no json'), utf8('{}'), Uint8Array.of(0xff)]) {
      expect(() => known.take({ bytes, place })).toThrow(expect.objectContaining({ code: 'FACT_REFUSED' }));
    }
    known.giveUp(TENANT);
    known.take(second);
    expect([known.isBroken(TENANT), known.of(TENANT).index]).toEqual([true, -1]);
    for (const fact of facts) known.take(fact);
    expect([known.broken, known.of(TENANT).index]).toEqual([[], log.knowledge.index]);
  });

  it('of which facts are missing keeps what it has, leaves the rest aside, and is whole again when they come', async () => {
    const known = new TenantKnowledge();
    const [first, second, third, last] = facts;
    if (first === undefined || second === undefined || third === undefined || last === undefined)
      throw new Error('too few facts');
    known.lack(TENANT, 2);
    expect(known.lackOf(TENANT)).toEqual({ tenant: TENANT, from: 0, to: 2 });
    known.take(last);
    expect(known.lacks).toEqual([{ tenant: TENANT, from: 0, to: 3 }]);
    const reached = known.reached(TENANT, 3, never);
    for (const fact of [first, third, second, first]) known.take(fact);
    expect(known.lackOf(TENANT)).toEqual({ tenant: TENANT, from: 2, to: 3 });
    for (const fact of facts.slice(0, 4)) known.take(fact);
    await expect(reached).resolves.toBe(true);
    expect([known.lackOf(TENANT), known.of(TENANT).index]).toEqual([null, 3]);
    known.lack(TENANT, 3);
    expect(known.lacks).toEqual([]);
  });
});
