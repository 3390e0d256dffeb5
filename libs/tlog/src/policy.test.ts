import { formatBase64 } from '@logline/canon-sign';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf, testSigner } from '../test/whole-tree.ts';
import { formatCosignerKey, toCosignerKey } from './cosignature.ts';
import { formatVkey, keyIdOf, toVkey } from './note.ts';
import { isQuorum, parsePolicy } from './policy.ts';

const logKey = (name: string, which = 1) => formatVkey(name, testSigner(which).publicKey);
const witnessKey = (which: number) =>
  formatCosignerKey(`witness.example/${which}`, testSigner(which).publicKey);

function mlDsaKey(name: string): string {
  const typed = new Uint8Array(1 + 1312).fill(7);
  typed[0] = 0x06;
  return `${name}+${keyIdOf(name, typed)}+${formatBase64(typed)}`;
}

const twoLevels = `# two operators
log ${logKey('log.example/acme')} https://log.example/acme
  log\t${logKey('log.example/umbra')}

witness X1 ${witnessKey(11)} https://x1.example/
witness X2 ${witnessKey(12)}
witness X3 ${witnessKey(13)}
group X-witnesses 2 X1 X2 X3
witness Y1 ${witnessKey(21)}
witness Y2 ${witnessKey(22)}
\tgroup Y-witnesses any Y1 Y2
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

test('reads logs, witnesses, groups and the quorum, with whatever white space between', () => {
  const policy = parsePolicy(twoLevels);
  expect(policy.logs).toEqual([
    { vkey: toVkey('log.example/acme', testSigner(1).publicKey), url: 'https://log.example/acme' },
    // one key for many logs: what the tenants of one ledger have
    { vkey: toVkey('log.example/umbra', testSigner(1).publicKey), url: null },
  ]);
  expect(policy.witnesses[0]).toEqual({
    name: 'X1',
    key: toCosignerKey('witness.example/11', testSigner(11).publicKey),
    url: 'https://x1.example/',
  });
  expect(policy.groups.map(({ name, threshold }) => [name, threshold])).toEqual([
    ['X-witnesses', 2],
    ['Y-witnesses', 1],
    ['X-and-Y', 2],
  ]);
  expect(policy.quorum).toBe('X-and-Y');
});

test('says who is enough', () => {
  const policy = parsePolicy(twoLevels);
  for (const enough of [
    ['X1', 'X2', 'Y1'],
    ['X3', 'X2', 'Y2'],
    ['X1', 'X2', 'X3', 'Y1', 'Y2'],
  ])
    expect([enough, isQuorum(policy, enough)]).toEqual([enough, true]);
  for (const tooFew of [[], ['X1', 'X2'], ['X1', 'X1', 'Y1'], ['Y1', 'Y2', 'X1'], ['X-witnesses', 'nobody']])
    expect([tooFew, isQuorum(policy, tooFew)]).toEqual([tooFew, false]);
  expect(isQuorum(parsePolicy('quorum none'), [])).toBe(true);
});

test('a quorum of one witness is that witness', () => {
  const policy = parsePolicy(`witness w ${witnessKey(11)}\nwitness v ${witnessKey(12)}\nquorum w`);
  expect(isQuorum(policy, ['w'])).toBe(true);
  expect(isQuorum(policy, ['v'])).toBe(false);
});

test('who cosigns more never takes a quorum away', () => {
  const policy = parsePolicy(twoLevels);
  const names = fc.subarray(['X1', 'X2', 'X3', 'Y1', 'Y2']);
  fc.assert(
    fc.property(names, names, (some, more) => {
      if (isQuorum(policy, some)) expect(isQuorum(policy, [...some, ...more])).toBe(true);
    }),
  );
});

test('takes many more than 32 logs, witnesses and groups', () => {
  const many = Array.from({ length: 200 }, (_, at) => at);
  const lines = [
    ...many.map((at) => `log ${logKey(`log.example/${at}`)}`),
    ...many.map((at) => `witness w${at} ${formatCosignerKey(`w${at}`, testSigner(at).publicKey)}`),
    ...many.map((at) => (at === 0 ? 'group g0 any w0' : `group g${at} all w${at} g${at - 1}`)),
    'quorum g199',
  ];
  const policy = parsePolicy(lines.join('\n'));
  expect(
    isQuorum(
      policy,
      many.map((at) => `w${at}`),
    ),
  ).toBe(true);
  expect(
    isQuorum(
      policy,
      many.slice(1).map((at) => `w${at}`),
    ),
  ).toBe(false);
});

test('knows of an ML-DSA-44 witness, and never counts it', () => {
  const policy = parsePolicy(`witness pq ${mlDsaKey('pq.example')}\nquorum pq`);
  expect(policy.witnesses).toEqual([{ name: 'pq', key: null, url: null }]);
});

describe('refuses', () => {
  const w = `witness w ${witnessKey(11)}`;
  const v = `witness v ${witnessKey(12)}`;
  const cases: [string, string][] = [
    ['no quorum', w],
    ['nothing', ''],
    ['two quorums', `quorum none\nquorum none`],
    ['a quorum that is defined later', `quorum w\n${w}`],
    ['a quorum of nobody', `${w}\nquorum`],
    ['a quorum of two', `${w}\n${v}\nquorum w v`],
    ['another keyword', `${w}\nlogs x\nquorum w`],
    ['a keyword in capitals', `${w}\nQUORUM w`],
    ['a log without a key', 'log\nquorum none'],
    ['a log with the key of a witness', `log ${witnessKey(1)}\nquorum none`],
    ['a log twice', `log ${logKey('a')}\nlog ${logKey('a')} https://a.example\nquorum none`],
    ['a log and words behind it', `log ${logKey('a')} https://a.example # mine\nquorum none`],
    ['a witness with the key of a log', `witness w ${logKey('w')}\nquorum w`],
    ['a witness without a key', `witness w\nquorum none`],
    ['a witness whose key was changed', `${w.slice(0, -3)}AAA\nquorum none`],
    [
      'one witness key under two names',
      `${w}\nwitness x ${formatCosignerKey('other', testSigner(11).publicKey)}\nquorum w`,
    ],
    ['one name for two', `${w}\nwitness w ${witnessKey(12)}\nquorum w`],
    ['a witness that is called none', `witness none ${witnessKey(11)}\nquorum none`],
    ['a group that has a witness’s name', `${w}\n${v}\ngroup w all v\nquorum w`],
    ['a group of itself', `${w}\ngroup g all g w\nquorum g`],
    ['a group of nobody', `${w}\ngroup g all\nquorum w`],
    ['a group of somebody unknown', `${w}\ngroup g all w x\nquorum g`],
    ['a group with a member twice', `${w}\ngroup g 1 w w\nquorum g`],
    ['two groups with one member', `${w}\ngroup g all w\ngroup h all w\nquorum g`],
    ['a group of none', `${w}\ngroup g any none\nquorum g`],
    ['a threshold of 0', `${w}\ngroup g 0 w\nquorum g`],
    ['a threshold beyond the members', `${w}\ngroup g 2 w\nquorum g`],
    ['a threshold that is no number', `${w}\ngroup g some w\nquorum g`],
    ['a threshold below 0', `${w}\ngroup g -1 w\nquorum g`],
    ['a threshold with a leading zero', `${w}\ngroup g 01 w\nquorum g`],
    ['a carriage return', `${w}\r\nquorum w`],
    ['a NUL', `${w}\nquorum w\u0000`],
    [
      'an ML-DSA-44 key with another id',
      `witness pq ${mlDsaKey('pq').replace(/\+[0-9a-f]{8}/, '+00000000')}\nquorum none`,
    ],
    ['far too much', '\n'.repeat(1_000_001)],
    ['far too many lines', '\n'.repeat(30_000)],
  ];
  test.each(cases)('%s', (_, text) => {
    expect(codeOf(() => parsePolicy(text))).toBe('MALFORMED_POLICY');
  });

  test('garbage with a code, and says which line', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('log', 'quorum none', 'group a all b', w))),
        (lines) => {
          expect(codeOf(() => parsePolicy(lines.join('\n')))).toMatch(/^(accepted|MALFORMED_POLICY)$/);
        },
      ),
    );
    expect(() => parsePolicy(`${w}\n\ngroup g 2 w\nquorum g`)).toThrow(/line 3 of the policy/);
  });
});
