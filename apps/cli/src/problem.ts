import { CANONICAL_CODES, isCanonicalCode } from '@logline/contracts';
import { CliError, Exit } from './errors.ts';
import { EXIT, type ExitCode, exitCodeOf, exitCodeOfStatus } from './exit-codes.ts';
import { AckError } from './ack-error.ts';
import { printable, type Style } from './terminal/style.ts';

/** A failure as every command tells it: RFC 9457, with our `code`, what mends it, and where to read more. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status?: number;
  readonly detail: string;
  readonly code: string;
  readonly fix?: string;
  readonly trace_id?: string;
  readonly span?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string; readonly fix?: string }[];
};

/** Codes of our own libraries that are not simply "the input is malformed". */
const EXIT_BY_CODE: Readonly<Record<string, ExitCode>> = {
  WRONG_PASSPHRASE: EXIT.auth,
  WEAK_PASSPHRASE: EXIT.invalid,
  KEY_MISSING: EXIT.auth,
  KEY_EXISTS: EXIT.conflict,
  PIN_CONFLICT: EXIT.conflict,
};
const FIX_BY_CODE: Readonly<Record<string, string>> = {
  WRONG_PASSPHRASE:
    'check the passphrase and the wallet (logline doctor); a wallet that was changed cannot be told from a wrong passphrase',
  KEY_MISSING: 'logline wallet show lists the keys; logline wallet init makes a wallet with one',
  PIN_CONFLICT:
    'if this is another installation, use another wallet (--wallet); if it is not, somebody shows you another log',
};

export function toProblem(
  error: unknown,
  deadline?: AbortSignal,
): { readonly problem: Problem; readonly exitCode: ExitCode } {
  if (error instanceof Exit)
    return {
      problem: { type: 'about:blank', title: 'done', detail: error.message, code: 'EXIT' },
      exitCode: error.exitCode,
    };
  if (error instanceof CliError) {
    const { code, message, fix, exitCode } = error;
    return {
      problem: {
        type: typeOf(code),
        title: TITLES[exitCode] ?? 'Failed',
        detail: message,
        code,
        ...(fix === undefined ? {} : { fix }),
      },
      exitCode,
    };
  }
  if (error instanceof AckError) return ackProblem(error);
  if (deadline?.aborted === true || isNamed(error, 'AbortError') || isNamed(error, 'TimeoutError')) {
    // an AbortSignal's reason is what aborted it
    const isTimeout = isNamed(
      deadline?.aborted === true ? (deadline.reason as unknown) : error,
      'TimeoutError',
    );
    const exitCode = isTimeout ? EXIT.timeout : EXIT.interrupted;
    return {
      problem: {
        type: typeOf('TIMED_OUT'),
        title: TITLES[exitCode] ?? '',
        detail: isTimeout ? 'it took longer than --timeout allows' : 'interrupted',
        code: isTimeout ? 'TIMED_OUT' : 'INTERRUPTED',
      },
      exitCode,
    };
  }
  const server = serverProblem(error);
  if (server !== null) return server;
  if (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    OUR_ERRORS.has(error.name)
  ) {
    const exitCode = EXIT_BY_CODE[error.code] ?? EXIT.invalid;
    const fix = FIX_BY_CODE[error.code];
    return {
      problem: {
        type: typeOf(error.code),
        title: TITLES[exitCode] ?? 'Failed',
        detail: error.message,
        code: error.code,
        ...(fix === undefined ? {} : { fix }),
      },
      exitCode,
    };
  }
  const detail = error instanceof Error ? error.message : String(error);
  return {
    problem: { type: typeOf('FAILED'), title: 'Failed', detail, code: 'FAILED' },
    exitCode: EXIT.failure,
  };
}

/** What the gate or the ledger answered instead of ok: its details are the problem's, its suggestion the fix. */
function ackProblem({ ack, message }: AckError): { readonly problem: Problem; readonly exitCode: ExitCode } {
  const { code, http_status, details, suggested_reply, trace_id, this: span } = ack;
  return {
    problem: {
      type: typeOf(code),
      title: CANONICAL_CODES[code].title,
      status: http_status,
      // of one fault the fault is told; its pointer stands in `errors`
      detail: details.length === 1 ? (details[0]?.message ?? message) : message,
      code,
      fix: suggested_reply,
      trace_id,
      ...(span === undefined ? {} : { span }),
      errors: details.map((detail) => ({ pointer: detail.pointer, detail: detail.message, fix: detail.fix })),
    },
    exitCode: exitCodeOf(code),
  };
}

/** Errors of the packages we are made of; their messages are written for people and hold no secrets. */
const OUR_ERRORS: ReadonlySet<string> = new Set([
  'WalletError',
  'ArtifactError',
  'CanonError',
  'ContractError',
  'TlogError',
  'TdlnError',
]);

const TITLES: Readonly<Record<number, string>> = {
  [EXIT.failure]: 'It failed',
  [EXIT.usage]: 'The command is not complete',
  [EXIT.negative]: 'Not there, or not verified',
  [EXIT.auth]: 'A permission is missing',
  [EXIT.invalid]: 'The input is not usable',
  [EXIT.conflict]: 'It conflicts with what is there',
  [EXIT.temporary]: 'Not now; try again',
  [EXIT.timeout]: 'It took too long',
  [EXIT.interrupted]: 'Interrupted',
};

/** What the SDK throws carries the server's problem document, or a code of the catalogue. */
function serverProblem(error: unknown): { readonly problem: Problem; readonly exitCode: ExitCode } | null {
  if (!(error instanceof Error)) return null;
  const body = 'problem' in error ? error.problem : undefined;
  if (typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string') {
    const { code } = body;
    const known = isCanonicalCode(code) ? CANONICAL_CODES[code] : undefined;
    const text = (name: string): string | undefined => {
      const value: unknown = Object.getOwnPropertyDescriptor(body, name)?.value;
      return typeof value === 'string' ? value : undefined;
    };
    const status = 'status' in body && typeof body.status === 'number' ? body.status : known?.status;
    return {
      problem: {
        type: text('type') ?? typeOf(code),
        title: text('title') ?? known?.title ?? 'The server said no',
        status,
        detail: text('detail') ?? error.message,
        code,
        fix: text('fix') ?? known?.fix,
        trace_id: text('trace_id'),
      },
      exitCode: isCanonicalCode(code) ? exitCodeOf(code) : exitCodeOfStatus(status ?? 500),
    };
  }
  if ('code' in error && (error.code === 'NETWORK' || error.code === 'TIMEOUT' || error.code === 'ABORTED')) {
    return {
      problem: {
        type: typeOf('UNREACHABLE'),
        title: 'No answer',
        detail: error.message,
        code: 'UNREACHABLE',
        fix: 'check that it runs (npm start) and the address: logline doctor',
      },
      exitCode: EXIT.temporary,
    };
  }
  if ('code' in error && (error.code === 'RECEIPT_INVALID' || error.code === 'ROTATION_INVALID')) {
    const code = error.code === 'ROTATION_INVALID' ? 'ROTATION_INVALID' : 'NOT_VERIFIED';
    return {
      problem: {
        type: typeOf(code),
        title: 'Not verified',
        detail: error.message,
        code,
        ...('fix' in error && typeof error.fix === 'string' ? { fix: error.fix } : {}),
      },
      exitCode: EXIT.negative,
    };
  }
  if ('code' in error && typeof error.code === 'string' && isCanonicalCode(error.code)) {
    const { status, title, fix } = CANONICAL_CODES[error.code];
    const trace = 'traceId' in error && typeof error.traceId === 'string' ? error.traceId : undefined;
    return {
      problem: {
        type: typeOf(error.code),
        title,
        status,
        detail: error.message,
        code: error.code,
        fix,
        trace_id: trace,
      },
      exitCode: exitCodeOf(error.code),
    };
  }
  return null;
}

/** The same for people: what, where, and what to do. */
export function formatProblem(problem: Problem, style: Style): string {
  const lines = [
    `${style.red('error:')} ${printable(problem.detail)}${isCanonicalCode(problem.code) ? ` (${problem.code})` : ''}`,
  ];
  for (const { pointer, detail, fix } of problem.errors ?? []) {
    const place = style.bold(pointer === '' ? '(all of it)' : printable(pointer));
    lines.push(detail === problem.detail ? `  at ${place}` : `  ${place}  ${printable(detail)}`);
    if (fix !== undefined && !isSameAdvice(fix, problem.fix))
      lines.push(`    ${style.cyan('fix:')} ${printable(fix)}`);
  }
  if (problem.fix !== undefined) lines.push(`  ${style.cyan('fix:')} ${printable(problem.fix)}`);
  if (problem.trace_id !== undefined) lines.push(style.dim(`  trace ${problem.trace_id}`));
  return lines.join('\n');
}

/** The reply that a gate suggests is often the fix of its one fault, as a sentence. */
function isSameAdvice(fix: string, suggestion: string | undefined): boolean {
  const bare = (text: string): string => text.toLowerCase().replace(/[.\s]+$/, '');
  return suggestion !== undefined && bare(fix) === bare(suggestion);
}

function typeOf(code: string): string {
  return `urn:logline:problem:${code.toLowerCase()}`;
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
