import { type Command, Option } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needTenant } from '../../config/settings.ts';
import type { Context } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { connectToSign } from '../../gateway.ts';
import { submit } from '../../submit.ts';

type Options = { readonly key?: string; readonly yes?: boolean };
const keyOption = (): Option => new Option('--key <kid>', 'the registered key to sign with');

export function addPublish(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'publish',
    summary: 'let anybody read the log',
    about:
      'Checkpoint, tiles, entries and proofs are then read without a token, and kept by caches: every span ever logged, with its content. What was read\n' +
      'stays read, also after logline log unpublish. The key needs the scope registry:log.',
    examples: ['logline log publish --yes', 'logline log publish --yes --key kid_root --json'],
    options: [new Option('--yes', 'every entry may be seen by anybody, for good'), keyOption()],
    run: async (context, options) => {
      if (options.yes !== true)
        throw new CliError('USAGE', 'publishing shows every entry to anybody, and what was read stays read', {
          fix: 'look at it first (logline log tail), then: logline log publish --yes',
        });
      await say(context, true, options.key);
    },
  });
  addCommand<Options>(group, makeContext, {
    name: 'unpublish',
    summary: 'keep the log to its own tenant again',
    about: 'Copies that others made, and what caches hold, stay where they are.',
    examples: ['logline log unpublish', 'logline log unpublish --key kid_root --json'],
    options: [keyOption()],
    run: async (context, options) => say(context, false, options.key),
  });
}

async function say(context: Context, isPublic: boolean, kid: string | undefined): Promise<void> {
  const { out } = context;
  const settings = await context.settings();
  const tenant = needTenant(settings);
  const sdk = await connectToSign(context, { kid });
  const payload = { public: isPublic };
  const { receipt } = await submit(context, sdk, {
    intent: 'registry.log.publish',
    subject: `urn:tenant:${tenant}`,
    payload,
  });
  const url = `${settings.baseUrl ?? ''}/v1/log/${tenant}`;
  out.result(
    { status: 'ok', tenant, public: isPublic, url, receipt: receipt.receipt },
    isPublic
      ? `${out.style.green('published')} ${url}\nanybody can follow it: logline log tail --url ${url} --vkey <its log key>`
      : `${out.style.green('closed')} ${url}: its own tenant alone may read it`,
  );
}
