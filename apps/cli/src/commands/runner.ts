import { checkerOf, RunnerAdd } from '@logline/contracts';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../command.ts';
import { needTenant } from '../config/settings.ts';
import { needArg } from '../context.ts';
import { CliError } from '../errors.ts';
import { readInput } from '../files.ts';
import { connect, connectToSign } from '../gateway.ts';
import { readJson } from '../json-file.ts';
import { readRegistry } from '../registry/read.ts';
import { submit } from '../submit.ts';
import { columns } from '../terminal/output.ts';
import { readStdin } from '../terminal/prompt.ts';

const payloadChecker = checkerOf(RunnerAdd);

export function register(group: Command, makeContext: ContextMaker): void {
  addCommand<{ readonly key?: string }>(group, makeContext, {
    name: 'add',
    args: '<file>',
    summary: 'register a runner by the request it wrote',
    about:
      "The request holds the runner's public keys and what it allows, signed by itself (registry.runner.add). Only registered runners are given work and secrets.",
    examples: [
      'logline runner add ./runner.json',
      'cat runner.json | logline runner add - --tenant voulezvous --json',
    ],
    options: [new Option('--key <kid>', 'the registered key to sign with')],
    run: async (context, options, [given]) => {
      const { io, out } = context;
      const file = needArg(given, '<file>');
      const value = readJson(
        file === '-' ? await readStdin(io, 65_536) : await readInput(resolve(io.cwd, file)),
        file,
      );
      if (!payloadChecker.check(value)) {
        const [fault] = payloadChecker.faults(value);
        throw new CliError(
          'INVALID_INPUT',
          `${file} registers no runner: ${fault?.pointer ?? ''} ${fault?.message ?? ''}`,
        );
      }
      const tenant = needTenant(await context.settings());
      if (value.tenant !== tenant)
        throw new CliError('INVALID_INPUT', `the request is for the tenant ${value.tenant}`, {
          fix: `add --tenant ${value.tenant}`,
        });
      const sdk = await connectToSign(context, { kid: options.key });
      const { receipt } = await submit(context, sdk, {
        intent: 'registry.runner.add',
        subject: `urn:tenant:${tenant}`,
        payload: value,
      });
      const { runner, providers, kid } = value;
      out.result(
        { status: 'ok', runner, kid, providers, receipt: receipt.receipt },
        `${out.style.green('registered')} the runner ${runner} for ${providers.join(', ')}\nnext: grant it what it needs: logline wallet grant <artifact> --aud ${providers[0] ?? 'docker'}`,
      );
    },
  });

  addCommand<object>(group, makeContext, {
    name: 'list',
    summary: 'the runners of the tenant',
    examples: ['logline runner list', 'logline runner list --json'],
    run: async (context) => {
      const { registry } = await readRegistry(await connect(context));
      const runners = [...registry.runners.values()].map(
        ({ runner, status, providers, kid, pub, hpke_pub, allow }) => ({
          runner,
          status,
          providers,
          kid,
          pub,
          hpke_pub,
          ...(allow === undefined ? {} : { allow }),
        }),
      );
      context.out.result(
        { runners },
        runners.length === 0
          ? 'no runners'
          : columns(
              runners.map(({ runner, status, providers, kid }) => [
                runner,
                `${status.padEnd(8)} ${providers.join(',')}  ${kid}`,
              ]),
            ),
      );
    },
  });

  addCommand<{ readonly key?: string }>(group, makeContext, {
    name: 'revoke',
    aliases: ['remove'],
    args: '<runner>',
    summary: 'remove a runner; what it could open should be sealed anew',
    examples: ['logline runner revoke local', 'logline runner remove edge-1 --json'],
    options: [new Option('--key <kid>', 'the registered key to sign with')],
    run: async (context, options, [given]) => {
      const runner = needArg(given, '<runner>');
      const tenant = needTenant(await context.settings());
      const sdk = await connectToSign(context, { kid: options.key });
      const { receipt } = await submit(context, sdk, {
        intent: 'registry.runner.remove',
        subject: `urn:tenant:${tenant}`,
        payload: { runner },
      });
      context.out.result(
        { status: 'ok', runner, receipt: receipt.receipt },
        `${context.out.style.green('removed')} the runner ${runner}\nnext: seal and grant anew what it could open (logline wallet seal, logline wallet grant)`,
      );
    },
  });
}
