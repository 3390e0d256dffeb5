import { expect, test } from 'vitest';
import { readPublished } from '../test/published-vectors.ts';
import { CanonError } from './errors.ts';
import { parseStrict } from './strict-json.ts';

// valid by RFC 8259, refused by protocol §2
const REFUSED_BY_PROFILE: Readonly<Record<string, string>> = {
  'y_object_duplicated_key.json': 'DUPLICATE_KEY',
  'y_object_duplicated_key_and_value.json': 'DUPLICATE_KEY',
};

interface Case {
  readonly name: string;
  readonly expect: 'accept' | 'reject' | 'either';
  readonly base64: string;
}

test('judges JSONTestSuite as it says, but for what the protocol refuses on purpose', ({ skip }) => {
  const suite: { cases: readonly Case[] } = JSON.parse(
    readPublished('jsontestsuite.json', { skip }).toString(),
  );
  const surprises: string[] = [];
  for (const { name, expect: expected, base64 } of suite.cases) {
    const verdict = judge(Buffer.from(base64, 'base64'));
    const wanted =
      REFUSED_BY_PROFILE[name] ?? { accept: 'accepted', reject: 'refused', either: 'either' }[expected];
    const isWanted =
      wanted === 'either' || verdict === wanted || (wanted === 'refused' && verdict !== 'accepted');
    if (!isWanted) surprises.push(`${name}: ${verdict}, not ${wanted}`);
  }
  expect(suite.cases.length).toBe(235);
  expect(surprises).toEqual([]);
});

function judge(bytes: Uint8Array): string {
  try {
    parseStrict(bytes);
    return 'accepted';
  } catch (fault) {
    if (fault instanceof CanonError) return fault.code;
    throw fault;
  }
}
