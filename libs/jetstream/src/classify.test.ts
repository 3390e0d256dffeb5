import { ContractError } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { classifyBy } from './classify.ts';
import { JetStreamError } from './errors.ts';

class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: string;
  constructor(code: string) {
    super('x');
    this.code = code;
  }
}

describe('classifyBy', () => {
  const classify = classifyBy({ LedgerError: { BEHIND_ANCHOR: 'fatal' } });
  it.each([
    ['an envelope that is garbage', new ContractError('BAD_ENVELOPE', 'x'), 'rejected'],
    ['a full queue', new JetStreamError('QUEUE_FULL', 'x'), 'retryable'],
    ['a user that may not', new JetStreamError('FORBIDDEN', 'x'), 'fatal'],
    ["the service's own", new LedgerError('BEHIND_ANCHOR'), 'fatal'],
    ['a cause that is known', new Error('x', { cause: new LedgerError('BEHIND_ANCHOR') }), 'fatal'],
    ['a code that nobody sorted', new LedgerError('NEW'), undefined],
    [
      'a name from the prototype',
      Object.assign(new Error('x'), { name: 'constructor', code: 'name' }),
      undefined,
    ],
    ['a plain error', new TypeError('x'), undefined],
    ['no error at all', 'oops', undefined],
  ])('sorts %s', (_, error, fault) => {
    expect(classify(error)).toBe(fault);
  });
});
