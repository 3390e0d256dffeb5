import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '../spans/decode-body.ts';
import { BodyBudget, mostBytesOf } from './body-budget.ts';

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

describe('the bytes a body may come to', () => {
  it('are those it says, and none where there is no body', () => {
    expect(mostBytesOf({ 'content-length': '700' })).toBe(700);
    expect(mostBytesOf({ 'content-length': '700', 'content-encoding': 'identity' })).toBe(700);
    expect(mostBytesOf({})).toBe(0);
    expect(mostBytesOf({ 'content-encoding': 'zstd' })).toBe(0);
  });

  it('are the most where nobody says', () => {
    expect(mostBytesOf({ 'transfer-encoding': 'chunked' })).toBe(MAX_BODY_BYTES);
  });

  it('are the most where a few become many when they are unpacked', () => {
    expect(mostBytesOf({ 'content-length': '700', 'content-encoding': 'zstd' })).toBe(MAX_BODY_BYTES);
    expect(mostBytesOf({ 'content-length': '700', 'content-encoding': ' ZSTD' })).toBe(MAX_BODY_BYTES);
  });

  it('stay what they are where they are too many anyway', () => {
    const tooMany = MAX_BODY_BYTES + 1;
    expect(mostBytesOf({ 'content-length': String(tooMany), 'content-encoding': 'zstd' })).toBe(tooMany);
  });
});
