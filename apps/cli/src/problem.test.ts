import { CanonError } from '@logline/canon-sign';
import { CANONICAL_CODES, type CanonicalCode } from '@logline/contracts';
import { ConnectionError, UnauthorizedError } from '@logline/sdk';
import { WalletError } from '@logline/wallet';
import { describe, expect, it } from 'vitest';
import { AckError } from './ack-error.ts';
import { CliError } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import { formatProblem, toProblem } from './problem.ts';
import { styleFor } from './terminal/style.ts';

const plain = styleFor({ write: () => true }, {}, false);

describe('exit codes', () => {
  it.each(
    Object.entries({
      '400_BAD_REQUEST': 5,
      '401_UNAUTHORIZED': 4,
      '403_FORBIDDEN': 4,
      '404_NOT_FOUND': 3,
      '409_PREV_CONFLICT': 6,
      '409_NONCE_REUSED': 6,
      '413_TOO_LARGE': 5,
      '422_SCHEMA_INVALID': 5,
      '422_SIGNATURE_INVALID': 5,
      '428_PROOF_REQUIRED': 4,
      '429_RATE_LIMITED': 7,
      '500_INTERNAL': 1,
      '503_UNAVAILABLE': 7,
    } satisfies Partial<Record<CanonicalCode, number>>),
  )('%s is %i', (code, exitCode) => {
    expect(exitCodeOf(code as CanonicalCode)).toBe(exitCode); // keys of the table
  });

  it('never call a failure a success', () => {
    for (const code of Object.keys(CANONICAL_CODES))
      expect(exitCodeOf(code as CanonicalCode)).toBeGreaterThan(0); // keys of the same table
  });
});

describe('a problem', () => {
  it('keeps every pointer and fix of an ack, and says which trace', () => {
    const { problem, exitCode } = toProblem(
      new AckError({
        status: 'need_more',
        trace_id: 'a'.repeat(32),
        code: '428_PROOF_REQUIRED',
        http_status: 428,
        errors: ['/payload: a proof is required'],
        missing_fields: ['proof'],
        suggested_reply: 'logline wallet prove deploy.allow',
        details: [
          { code: '428_PROOF_REQUIRED', pointer: '/payload/proof', message: 'is missing', fix: 'make one' },
        ],
      }),
    );
    expect(exitCode).toBe(4);
    expect(problem).toMatchObject({
      code: '428_PROOF_REQUIRED',
      status: 428,
      fix: 'logline wallet prove deploy.allow',
      errors: [{ pointer: '/payload/proof', detail: 'is missing', fix: 'make one' }],
    });
    expect(formatProblem(problem, plain)).toBe(
      [
        'error: is missing (428_PROOF_REQUIRED)',
        '  at /payload/proof',
        '    fix: make one',
        '  fix: logline wallet prove deploy.allow',
        `  trace ${'a'.repeat(32)}`,
      ].join('\n'),
    );
  });

  it('says the same thing once, also where the gate says it twice', () => {
    const { problem } = toProblem(
      new AckError({
        status: 'invalid',
        trace_id: 'b'.repeat(32),
        code: '403_FORBIDDEN',
        http_status: 403,
        errors: ['403_FORBIDDEN /subject the tenant acme already exists'],
        suggested_reply: 'Choose another name.',
        details: [
          {
            code: '403_FORBIDDEN',
            pointer: '/subject',
            message: 'the tenant acme already exists',
            fix: 'choose another name',
          },
        ],
      }),
    );
    expect(formatProblem(problem, plain)).toBe(
      [
        'error: the tenant acme already exists (403_FORBIDDEN)',
        '  at /subject',
        '  fix: Choose another name.',
        `  trace ${'b'.repeat(32)}`,
      ].join('\n'),
    );
  });

  it.each([
    [new CliError('TIMED_OUT', 'x'), 8, 'TIMED_OUT'],
    [new WalletError('WRONG_PASSPHRASE', 'x'), 4, 'WRONG_PASSPHRASE'],
    [new WalletError('PIN_CONFLICT', 'x'), 6, 'PIN_CONFLICT'],
    [new CanonError('DUPLICATE_KEY', 'x'), 5, 'DUPLICATE_KEY'],
    [new ConnectionError('refused', { code: 'NETWORK' }), 7, 'UNREACHABLE'],
    [new UnauthorizedError('no', { code: '401_UNAUTHORIZED', status: 401 }), 4, '401_UNAUTHORIZED'],
    [new DOMException('x', 'AbortError'), 130, 'INTERRUPTED'],
    [new DOMException('x', 'TimeoutError'), 8, 'TIMED_OUT'],
    [new Error('x'), 1, 'FAILED'],
    ['text', 1, 'FAILED'],
  ])('%s gives its exit code', (error, exitCode, code) => {
    expect(toProblem(error)).toMatchObject({ exitCode, problem: { code } });
  });

  it('blames the clock when the time was up, whatever failed because of it', () => {
    const deadline = AbortSignal.abort(new DOMException('x', 'TimeoutError'));
    expect(toProblem(new ConnectionError('aborted', { code: 'ABORTED' }), deadline).exitCode).toBe(8);
  });

  it('cannot move the cursor of the terminal it is shown on', () => {
    const { problem } = toProblem(new Error('\u001b[2J\u202egnp.exe'));
    // eslint-disable-next-line no-control-regex
    expect(formatProblem(problem, plain)).not.toMatch(/[\u001b\u202e]/);
  });
});
