import { expect, it } from 'vitest';
import { toJsonArray } from './json-array.ts';

it.each([[[]], [['{}']], [['{"a":"é"}', '1', '[2]']]])('writes %j as JSON.stringify would', (elements) => {
  const bytes = elements.map((text) => new TextEncoder().encode(text));
  expect(toJsonArray(bytes).toString()).toBe(JSON.stringify(elements.map((text) => JSON.parse(text))));
});
