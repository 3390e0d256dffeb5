import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { type ContextMaker, define } from '../command.ts';
import { type Context, needArg } from '../context.ts';
import { CliError, Exit } from '../errors.ts';
import { exitCodeOfStatus } from '../exit-codes.ts';
import { modeOf, readIfThere } from '../files.ts';
import { apiKeyOf, connect } from '../gateway.ts';
import { needTenant } from '../config/settings.ts';
import { readStdin } from '../terminal/prompt.ts';

type Options = {
  readonly data?: string;
  readonly contentType: string;
  readonly key?: string;
  readonly sign?: boolean;
};

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export function register(command: Command, makeContext: ContextMaker): void {
  command
    .argument('<method>', METHODS.join(', '))
    .argument('<path>', 'as it goes on the wire: /v1/state/view?subject=…');
  define<Options>(command, makeContext, {
    name: 'api',
    summary: 'send one request with token and signature, and print the answer',
    examples: [
      "logline api GET '/v1/state/view?subject=urn:minicontainer:voulezvous/web'",
      'logline api POST /v1/spans/query --data query.json',
      'logline api POST /v1/spans --data - < span.json',
    ],
    options: [
      new Option('-d, --data <file>', 'the body (- for stdin)'),
      new Option('--content-type <type>', 'of the body').default('application/json'),
      new Option('--key <kid>', 'the key to sign with'),
      new Option('--no-sign', 'send it without the signature of the request'),
    ],
    run: async (context, options, [verb, given]) => {
      const { io, out } = context;
      const method = METHODS.find((known) => known === needArg(verb, '<method>').toUpperCase());
      if (method === undefined)
        throw new CliError('USAGE', `${verb ?? ''} is no method`, { fix: `one of ${METHODS.join(', ')}` });
      const path = needArg(given, '<path>');
      if (!/^\/[\x21-\x7e]*$/.test(path))
        throw new CliError('USAGE', 'a path begins with / and has no spaces', { fix: 'percent-encode it' });
      const body =
        options.data === undefined
          ? undefined
          : options.data === '-'
            ? await readStdin(io, MAX_BODY_BYTES)
            : await readBody(resolve(io.cwd, options.data));
      const answer = await send(context, method, path, body, options);
      const text = new TextDecoder().decode(answer.body);
      const type = answer.headers.get('content-type') ?? '';
      out.result(
        {
          status: answer.status,
          headers: Object.fromEntries(answer.headers),
          body: type.includes('json') ? parsed(text) : text,
        },
        text.replace(/\n$/, ''),
      );
      const exitCode = exitCodeOfStatus(answer.status);
      if (exitCode !== 0) throw new Exit(exitCode);
    },
  });
}

/** @throws CliError `NOT_FOUND` that says what --data takes: who comes from curl gives the body itself */
async function readBody(path: string): Promise<Uint8Array> {
  const body = await readIfThere(path);
  if (body !== null) return body;
  throw new CliError('NOT_FOUND', `there is no file ${path}`, {
    fix: '--data takes the name of a file, or - to read the body from stdin',
  });
}

async function send(
  context: Context,
  method: (typeof METHODS)[number],
  target: string,
  body: Uint8Array | undefined,
  options: Options,
): Promise<{ status: number; headers: Headers; body: Uint8Array }> {
  const settings = await context.settings();
  const tenant = needTenant(settings);
  const apiKey = await apiKeyOf(context, tenant);
  const isSigned = method !== 'GET' && options.sign !== false && (await modeOf(settings.walletPath)) !== null;
  const sdk = await connect(context, {
    tenant,
    apiKey,
    ...(isSigned ? { signer: (await context.wallet()).signer(options.key) } : {}),
  });
  return await sdk.request({
    method,
    target,
    ...(body === undefined ? {} : { body, contentType: options.contentType }),
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
