import { formatBase64 } from '@logline/canon-sign';
import { formatInstant, type Span } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import {
  bornLog,
  faultsOf,
  key,
  Log,
  NOW_MS,
  OPERATOR,
  operator,
  possessed,
  root,
  span,
  TENANT,
  tenantCreated,
  TOKEN,
} from '../test/world.ts';
import { emptyKnowledge, logKeyAt } from './knowledge.ts';
import { fold } from './fold.ts';
import { parseSnapshot, snapshotOf } from './snapshot.ts';
import { verifyFact } from './verify-fact.ts';
import { writesOf } from './writes.ts';

const ORIGIN = `logline.test/${TENANT}`;
const [first, second, third] = [key('log-1'), key('log-2'), key('log-3')];
const vkeyOf = ({ publicKey }: { readonly publicKey: Uint8Array }, origin = ORIGIN): string =>
  `${origin}+0a0b0c0d+${formatBase64(Uint8Array.of(1, ...publicKey))}`;
const FROM_MS = NOW_MS + 86_400_000;

function rotation(changes: object = {}, agreed = second, by = operator): Span {
  const payload = {
    tenant: TENANT,
    origin: ORIGIN,
    previous: vkeyOf(first),
    log_key: vkeyOf(second),
    from: formatInstant(FROM_MS),
    ...changes,
  };
  return span(by, 'registry.log.rotated', `urn:tenant:${TENANT}`, possessed(payload, agreed));
}

function newLog(): Log {
  const log = new Log();
  log.say(tenantCreated({ log_key: vkeyOf(first) }), OPERATOR);
  return log;
}

describe('a rotation of the log key', () => {
  it('is a fact that the operator signs, and changes who signs from its time on', () => {
    const log = newLog();
    const said = rotation();
    const verdict = log.judge(said, OPERATOR);
    expect(verdict).toMatchObject({
      outcome: 'ok',
      role: 'operator',
      reads: { tenant: 0, 'log-key': 0 },
      writes: ['log-key'],
      validUntilMs: FROM_MS - 1,
    });
    log.say(said, OPERATOR);
    expect(writesOf(said, log.knowledge)).toEqual(['log-key']);
    expect(logKeyAt(log.knowledge, FROM_MS - 1)).toBe(vkeyOf(first));
    expect(logKeyAt(log.knowledge, FROM_MS)).toBe(vkeyOf(second));
    expect(logKeyAt(emptyKnowledge(TENANT), FROM_MS)).toBeNull();
    expect(parseSnapshot(snapshotOf(log.knowledge)).rotations).toEqual(log.knowledge.rotations);
  });

  it('is verified again by a reader who trusts neither gate nor ledger', () => {
    const log = newLog();
    log.say(rotation(), OPERATOR);
    const knowledge = emptyKnowledge(TENANT);
    for (const fact of log.facts) {
      verifyFact(fact, knowledge);
      fold(knowledge, fact);
    }
    expect(knowledge.rotations).toEqual([{ key: vkeyOf(second), fromMs: FROM_MS }]);
    expect(() => verifyFact({ span: rotation({}, third), index: 2, timeMs: NOW_MS }, log.knowledge)).toThrow(
      /does not prove possession/,
    );
  });

  it('can be followed by another once it is in force, and not before', () => {
    const log = newLog();
    log.say(rotation(), OPERATOR);
    const again = (previous: string): Span =>
      rotation({ previous, log_key: vkeyOf(third), from: formatInstant(FROM_MS + 86_400_000) }, third);
    expect(faultsOf(log.judge(again(vkeyOf(first)), OPERATOR))).toEqual([
      '422_SCHEMA_INVALID /payload/log_key',
    ]);
    log.nowMs = FROM_MS;
    expect(faultsOf(log.judge(again(vkeyOf(first)), OPERATOR))).toEqual([
      '422_SCHEMA_INVALID /payload/previous',
    ]);
    expect(log.judge(again(vkeyOf(second)), OPERATOR).outcome).toBe('ok');
  });

  const lies: readonly (readonly [string, () => Span, readonly string[]])[] = [
    ['a key that is no operator', () => rotation({}, second, root), ['403_FORBIDDEN /signature/kid']],
    [
      'a new key that has not agreed',
      () => rotation({}, third),
      ['422_SIGNATURE_INVALID /payload/possession'],
    ],
    [
      'a log key that is none',
      () => rotation({ log_key: `${ORIGIN}+0a0b0c0d+${'A'.repeat(44)}` }),
      ['422_SIGNATURE_INVALID /payload/possession'],
    ],
    ['another tenant', () => rotation({ tenant: 'other' }), ['403_FORBIDDEN /payload/tenant']],
    [
      'another origin',
      () => rotation({ origin: `evil.test/${TENANT}` }),
      ['422_SCHEMA_INVALID /payload/previous', '422_SCHEMA_INVALID /payload/log_key'],
    ],
    [
      'keys of another origin',
      () =>
        rotation({
          origin: `evil.test/${TENANT}`,
          previous: vkeyOf(first, `evil.test/${TENANT}`),
          log_key: vkeyOf(second, `evil.test/${TENANT}`),
        }),
      ['422_SCHEMA_INVALID /payload/origin'],
    ],
    [
      'another key before it',
      () => rotation({ previous: vkeyOf(third) }),
      ['422_SCHEMA_INVALID /payload/previous'],
    ],
    [
      'the key in force once more',
      () => rotation({ log_key: vkeyOf(first) }, first),
      ['422_SCHEMA_INVALID /payload/log_key'],
    ],
    ['the past', () => rotation({ from: formatInstant(NOW_MS) }), ['422_SCHEMA_INVALID /payload/from']],
    [
      'a day that is none',
      () => rotation({ from: '2026-02-30T00:00:00Z' }),
      ['422_SCHEMA_INVALID /payload/from'],
    ],
  ];
  it.each(lies)('is refused when it names %s', (_, said, faults) => {
    expect(faultsOf(newLog().judge(said(), OPERATOR))).toEqual(faults);
  });

  it('comes in by the door of the operator only, and of a tenant that is born', () => {
    expect(faultsOf(newLog().judge(rotation(), TOKEN))).toEqual(['403_FORBIDDEN /intent']);
    expect(faultsOf(new Log().judge(rotation(), OPERATOR))).toEqual(['404_NOT_FOUND /subject']);
    expect(bornLog().knowledge.rotations).toEqual([]);
  });
});
