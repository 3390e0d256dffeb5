import { expect, test } from 'vitest';
import { requestText } from './request.ts';

const parts = { method: 'POST', authority: 'api.example', target: '/v1/spans', payloadHash: 'ab'.repeat(32) };

test('an absent header is an empty line, and the text has no final newline', () => {
  expect(requestText(parts)).toBe(`POST\napi.example\n/v1/spans\n\n\n\n\n\n\n\n\n${'ab'.repeat(32)}`);
});

test('each part has its own line, in the order of the protocol', () => {
  const headers = {
    tenant: '4',
    alg: '5',
    keyId: '6',
    timestamp: '7',
    nonce: '8',
    idempotencyKey: '9',
    contentType: '10',
    contentEncoding: '11',
  };
  expect(requestText({ ...headers, method: '1', authority: '2', target: '3', payloadHash: '12' })).toBe(
    Array.from({ length: 12 }, (_, i) => i + 1).join('\n'),
  );
});

test.each(['method', 'target', 'tenant', 'contentType', 'payloadHash'])(
  'a line break in %s is refused',
  (name) => {
    for (const end of ['\n', '\r']) {
      expect(() => requestText({ ...parts, [name]: `x${end}` })).toThrow(
        expect.objectContaining({ code: 'MALFORMED' }),
      );
    }
  },
);
