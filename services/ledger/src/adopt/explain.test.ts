import { expect, it } from 'vitest';
import { FIRST_TIP } from '../domain/anchor.ts';
import { explain } from './explain.ts';
import type { Survey } from './survey.ts';

const refused = (partition: number): Survey => ({
  partition,
  tip: FIRST_TIP,
  anchor: undefined,
  sequence: 0,
  epoch: 1,
  logs: [],
  decision: { kind: 'refuse', code: 'ANCHOR_MISSING', why: 'there is none' },
  unknownFacts: [],
});

it('says how to adopt the partition that it speaks of, and no other', () => {
  expect(explain(refused(0))).toMatch(/To go on: logline log adopt --i-know$/);
  expect(explain(refused(3))).toMatch(/To go on: logline log adopt --i-know --partition 3$/);
});
