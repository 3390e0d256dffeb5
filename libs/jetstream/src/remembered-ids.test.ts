import { expect, it } from 'vitest';
import { RememberedIds } from './remembered-ids.ts';

it('remembers the newest, and never more than twice as many', () => {
  const ids = new RememberedIds(100);
  for (let i = 0; i < 1_000; i += 1) {
    ids.add(String(i));
    for (let newest = Math.max(0, i - 99); newest <= i; newest += 1)
      expect(ids.has(String(newest))).toBe(true);
    const known = Array.from({ length: i + 1 }, (_, one) => one).filter((one) => ids.has(String(one)));
    expect(known.length).toBeLessThanOrEqual(200);
  }
  ids.clear();
  expect(ids.has('999')).toBe(false);
});
