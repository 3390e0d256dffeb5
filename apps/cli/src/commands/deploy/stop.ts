import {
  checkerOf,
  DeployApply,
  formatTarget,
  parseSubject,
  parseTarget,
  type Target,
} from '@logline/contracts';
import type { LogLineSDK } from '@logline/sdk';
import { type Command, Option } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError, Exit } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { connectToSign } from '../../gateway.ts';
import { sendWithProof } from '../../deploy/prove-and-send.ts';
import { completeTarget } from '../../deploy/target.ts';
import { justBefore, watchFacts } from '../../deploy/watch.ts';
import { parseContainer } from '../../manifest/subject.ts';
import { readAll } from '../../registry/read.ts';

type Options = {
  readonly target?: string;
  readonly ref?: string;
  readonly watch?: boolean;
  readonly stream?: boolean;
  readonly proof?: string;
  readonly prove?: boolean;
  readonly key?: string;
};

const applyChecker = checkerOf(DeployApply);

export function addStop(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'stop',
    args: '[container]',
    summary: 'stop a container that runs',
    about:
      'The container is that of the last apply, and the target that of its last deploy, unless given. Makes the proof it needs by itself.',
    examples: [
      'logline deploy stop urn:minicontainer:voulezvous/web --watch',
      'logline deploy stop web --tenant voulezvous --target docker --json',
    ],
    options: [
      new Option('--target <target>', 'where it runs'),
      new Option('--ref <ref>', 'name the container by one of its manifests'),
      new Option('-w, --watch', 'wait until it has stopped'),
      new Option('--no-stream', 'watch by polling'),
      new Option('--proof <id>', 'spend this proof'),
      new Option('--no-prove', 'make no proof; let the gate take the one that fits'),
      new Option('--key <kid>', 'the key to sign with'),
    ],
    run: async (context, options, [given]) => {
      const { out } = context;
      const subject = await containerOf(context, given ?? options.ref);
      const sdk = await connectToSign(context, { kid: options.key, tenant: parseSubject(subject).tenant });
      const target = await targetToStop(sdk, subject, options.target);
      const draft = { intent: 'deploy.stop', subject, payload: { target } };
      const { submitted, proof } = await sendWithProof(context, sdk, draft, {
        intent: 'deploy.stop',
        id: options.proof,
        isNone: options.prove === false,
        kid: options.key,
      });
      const { receipt, signed } = submitted;
      const stop = signed.span.this;
      const document = {
        status: 'ok',
        stop,
        subject,
        target,
        proof,
        receipt: receipt.receipt,
        receipt_file: receipt.path,
        receipt_verified: receipt.verified === 'yes',
      };
      const text = `${out.style.green('asked')} to stop ${subject} on ${formatTarget(target)}`;
      if (options.watch !== true) {
        out.result(
          { ...document, next: `logline status ${subject} --watch` },
          `${text}\nnext: logline status ${subject} --watch`,
        );
        return;
      }
      out.item({ event: 'accepted', ...document }, text);
      const last = await watchFacts(context, sdk, {
        subject,
        since: justBefore(receipt.receipt.ts),
        isPolling: options.stream === false,
        // the run that ends reports under the deploy that began it
        wants: (fact, span) =>
          span.this !== stop &&
          (fact.deploy === stop || fact.intent === 'run_state.exited' || fact.intent === 'run_state.failed'),
        isLast: (fact) =>
          fact.intent === 'run_state.exited' ||
          fact.intent === 'run_state.failed' ||
          (fact.intent === 'deploy.failed' && fact.deploy === stop),
      });
      const isStopped = last?.intent === 'run_state.exited' || last?.intent === 'run_state.failed';
      out.item(
        { event: 'result', ok: isStopped, subject, run_state: last?.phase ?? 'unknown' },
        isStopped ? `${out.style.green('stopped')} ${subject}` : `${out.style.red('not stopped')} ${subject}`,
      );
      if (!isStopped) throw new Exit(EXIT.failure);
    },
  });
}

/** As given, else the container of the last apply. @throws CliError `USAGE` */
export async function containerOf(context: Context, text: string | undefined): Promise<string> {
  const { tenant } = await context.settings();
  if (text !== undefined) return parseContainer(text, tenant);
  const last = tenant === undefined ? null : await (await context.state()).lastApply(tenant);
  if (last !== null) return last.subject;
  throw new CliError('USAGE', 'which container?', {
    fix: 'give urn:minicontainer:<tenant>/<name>, or apply a manifest first',
  });
}

/** Where it was deployed last, completed by that where a person wrote only the provider. */
async function targetToStop(sdk: LogLineSDK, subject: string, text: string | undefined): Promise<Target> {
  const deploys = await readAll(sdk, { subject, intent: 'deploy.apply' });
  const targets = deploys
    .flatMap(({ payload }) => (applyChecker.check(payload) ? [payload.target] : []))
    .toReversed();
  const asked = text === undefined ? null : parseTarget(text);
  const [last] = targets;
  if (asked === null && last === undefined)
    throw new CliError('NOT_FOUND', `${subject} was never deployed`, {
      fix: 'logline deploy list shows what was',
    });
  if (asked === null) return last ?? { provider: 'docker' };
  const known = targets.find((target) => target.provider === asked.provider);
  return known === undefined ? asked : completeTarget(asked, [known]);
}
