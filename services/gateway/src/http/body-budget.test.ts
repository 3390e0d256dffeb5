import { expect, it } from 'vitest';
import { BodyBudget } from './body-budget.ts';

it('holds what fits, and takes it back once', () => {
  const budget = new BodyBudget(100);
  const first = budget.take(60);
  expect([first === null, budget.take(41), budget.take(40) === null, budget.held]).toEqual([
    false,
    null,
    false,
    100,
  ]);
  first?.();
  first?.();
  expect(budget.held).toBe(40);
  expect(budget.take(60)).not.toBeNull();
});
