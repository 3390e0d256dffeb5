import { utf8 } from '@logline/canon-sign';
import { describe, expect, it } from 'vitest';
import {
  type Anchor,
  decideAnchor,
  FIRST_TIP,
  formatAnchor,
  nextTip,
  parseAnchor,
  type Tip,
} from './anchor.ts';

const one = nextTip(FIRST_TIP, ['one']);
const two = nextTip(one, ['two']);
const three = nextTip(two, ['three']);
const other = nextTip(one, ['another two']);

function anchorAt(tip: Tip, epoch = 6): Anchor {
  return { partition: 0, position: tip.position, chain: tip.chain, epoch, at: '2026-01-01T00:00:00.000Z' };
}

function decide(tip: Tip, anchor: Anchor | undefined, more: { isEmpty?: boolean; hasSet?: boolean } = {}) {
  return decideAnchor({ tip, isEmpty: false, epoch: 7, hasSet: false, ...more }, anchor);
}

describe('the chain', () => {
  it('differs with every checkpoint, their number and their order', () => {
    const chains = [['a', 'b'], ['b', 'a'], ['ab'], ['a'], []].map((notes) => nextTip(one, notes));
    expect(new Set(chains.map(({ chain }) => Buffer.from(chain).toString('hex'))).size).toBe(chains.length);
    expect(chains.every(({ position, previous }) => position === 2 && previous === one.chain)).toBe(true);
  });
});

describe('a leader', () => {
  it('goes on where the anchor stands, and sets it anew, which fences the epoch before', () => {
    expect(decide(two, anchorAt(two))).toEqual({ kind: 'set' });
    expect(decide(two, anchorAt(two, 7), { hasSet: true })).toEqual({ kind: 'stands' });
  });

  it('one commit ahead of it, by its own last COMMIT, sets it', () => {
    expect(decide(two, anchorAt(one))).toEqual({ kind: 'set' });
    expect(decide(two, anchorAt(one, 7), { hasSet: true })).toEqual({ kind: 'set' });
  });

  it('needs none before the first log, and makes none out of nothing after it', () => {
    expect(decide(FIRST_TIP, undefined, { isEmpty: true })).toEqual({ kind: 'stands' });
    expect(decide(FIRST_TIP, undefined)).toMatchObject({ kind: 'refuse', code: 'ANCHOR_MISSING' });
    expect(decide(one, undefined)).toEqual({ kind: 'set' }); // killed between its first COMMIT and anchor
    expect(decide(two, undefined)).toMatchObject({ kind: 'refuse', code: 'ANCHOR_MISSING' });
  });

  it.each<readonly [string, Tip, Anchor, string]>([
    ['behind it', one, anchorAt(two), 'BEHIND_ANCHOR'],
    ['before its first commit, where the anchor stands', FIRST_TIP, anchorAt(one), 'BEHIND_ANCHOR'],
    ['with another commit at its place', other, anchorAt(two), 'BEHIND_ANCHOR'],
    ['one ahead of another history', three, anchorAt(other), 'BEHIND_ANCHOR'],
    ['more than one ahead', three, anchorAt(one), 'ANCHOR_MISSING'],
    ['of an epoch that the anchor has seen end', two, anchorAt(two, 8), 'BEHIND_ANCHOR'],
    ['of an epoch that somebody else was', two, anchorAt(two, 7), 'BEHIND_ANCHOR'],
  ])('refuses %s', (_, tip, anchor, code) => {
    expect(decide(tip, anchor)).toMatchObject({ kind: 'refuse', code });
  });
});

describe('an anchor', () => {
  it('comes back as it was written', () => {
    expect(parseAnchor(formatAnchor(anchorAt(two)), 0)).toEqual({
      ...anchorAt(two),
      chain: Uint8Array.from(two.chain),
    });
  });

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '{"v":1}',
    `{"v":2,"partition":0,"position":1,"epoch":1,"chain":"${'0'.repeat(64)}","at":""}`,
    `{"v":1,"partition":1,"position":1,"epoch":1,"chain":"${'0'.repeat(64)}","at":""}`,
    `{"v":1,"partition":0,"position":0,"epoch":1,"chain":"${'0'.repeat(64)}","at":""}`,
    `{"v":1,"partition":0,"position":1,"epoch":1.5,"chain":"${'0'.repeat(64)}","at":""}`,
    `{"v":1,"partition":0,"position":1,"epoch":1,"chain":"${'0'.repeat(63)}","at":""}`,
  ])('is not %s', (text) => {
    expect(parseAnchor(utf8(text), 0)).toBeUndefined();
  });
});
