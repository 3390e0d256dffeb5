import { formatTarget, parseShortRef, parseTarget, type Target } from '@logline/contracts';
import type { LogLineSDK } from '@logline/sdk';
import { type Command, Option } from 'commander';
import { addCommand, type ContextMaker, parseSeconds } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError, Exit } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { connectToSign } from '../../gateway.ts';
import { appliedManifest } from '../../deploy/applied-manifest.ts';
import type { DeployFact } from '../../deploy/facts.ts';
import { sendWithProof } from '../../deploy/prove-and-send.ts';
import { type ResolvedRef, resolveRef } from '../../deploy/refs.ts';
import { completeTarget } from '../../deploy/target.ts';
import { justBefore, watchFacts } from '../../deploy/watch.ts';
import { readRegistry } from '../../registry/read.ts';

type Options = {
  readonly ref?: string;
  readonly target?: string;
  readonly watch?: boolean;
  readonly until: 'running' | 'exited';
  readonly proof?: string;
  readonly prove?: boolean;
  readonly within?: number;
  readonly stream?: boolean;
  readonly key?: string;
  readonly dryRun?: boolean;
};

export const refOption = (): Option =>
  new Option('--ref <ref>', 'the manifest, short or full; the last one applied when left out');
export const targetOption = (): Option =>
  new Option(
    '--target <target>',
    'docker, podman, or railway:proj=…,svc=…; the one that a runner runs when left out',
  );

export function addUp(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'up',
    summary: 'run a manifest that was applied',
    about:
      'Makes the proof it needs by itself. With --watch it prints every fact until the container runs and goes on for a second (exit code 0), has ended (0 or 1 by its own exit code)\n' +
      'or has failed (1).',
    examples: [
      'logline deploy up --ref mc:voulezvous/web@blake3:abcd --target docker --watch',
      'logline deploy up --target podman --watch --until exited --json',
    ],
    options: [
      refOption(),
      targetOption(),
      new Option('-w, --watch', 'print what happens until it runs, ends or fails'),
      new Option('--until <phase>', 'what --watch waits for')
        .choices(['running', 'exited'])
        .default('running'),
      new Option('--no-stream', 'watch by polling'),
      new Option('--proof <id>', 'spend this proof'),
      new Option('--no-prove', 'make no proof; let the gate take the one that fits'),
      new Option('--within <duration>', 'let the deploy fail when it is not up by then').argParser(
        parseSeconds,
      ),
      new Option('--key <kid>', 'the key to sign with'),
      new Option('--dry-run', 'print the bytes that would be signed and their hash, and send nothing'),
    ],
    run: async (context, options) => {
      const { out } = context;
      const { sdk, resolved } = await refToDeploy(context, options);
      const target = await targetToDeploy(sdk, resolved, options.target);
      const payload = {
        ref: resolved.ref,
        target,
        ...(options.within === undefined ? {} : { options: { timeout_ms: options.within } }),
      };
      const draft = { intent: 'deploy.apply', subject: resolved.subject, payload };
      if (options.dryRun === true) return await printDraft(context, sdk, draft);
      const { submitted, proof } = await sendWithProof(context, sdk, draft, {
        intent: 'deploy.allow',
        ref: resolved.ref,
        id: options.proof,
        isNone: options.prove === false,
        kid: options.key,
      });
      const { receipt, signed } = submitted;
      const deploy = signed.span.this;
      const next = `logline status ${resolved.subject} --watch`;
      const document = {
        status: 'ok',
        deploy,
        subject: resolved.subject,
        ref: resolved.ref,
        target,
        proof,
        receipt: receipt.receipt,
        receipt_file: receipt.path,
        receipt_verified: receipt.verified === 'yes',
      };
      const text = `${out.style.green('asked')} for ${resolved.ref} on ${formatTarget(target)} (${deploy})`;
      if (options.watch !== true) {
        out.result({ ...document, next }, `${text}\nnext: ${next}`);
        return;
      }
      out.item({ event: 'accepted', ...document }, text);
      const last = await watchFacts(context, sdk, {
        subject: resolved.subject,
        since: justBefore(receipt.receipt.ts),
        isPolling: options.stream === false,
        wants: (fact, span) => fact.deploy === deploy && span.this !== deploy,
        isLast: (fact) => fact.phase === 'exited' || fact.phase === 'failed',
        isLastSoon: (fact) => options.until === 'running' && fact.phase === 'running',
      });
      endOfWatch(context, last, resolved.subject);
    },
  });
}

/** Says how it ended, and gives the exit code of it. */
export function endOfWatch({ out }: Context, last: DeployFact | null, subject: string): void {
  const isGood =
    last !== null && (last.phase === 'running' || (last.phase === 'exited' && (last.exitCode ?? 0) === 0));
  const next =
    last?.phase === 'running'
      ? [`logline status ${subject}`, `logline deploy stop ${subject} --watch`]
      : [`logline query ${subject}`];
  out.item(
    {
      event: 'result',
      ok: isGood,
      subject,
      run_state: last?.phase ?? 'unknown',
      ...(last === null || last.exitCode === null ? {} : { exit_code: last.exitCode }),
      next,
    },
    `${isGood ? out.style.green(last?.phase ?? '') : out.style.red(last?.phase ?? 'unknown')} ${subject}\nnext: ${next.join('\n  or: ')}`,
  );
  if (!isGood) throw new Exit(EXIT.failure);
}

export async function refToDeploy(
  context: Context,
  options: { readonly ref?: string; readonly key?: string },
): Promise<{ readonly sdk: LogLineSDK; readonly resolved: ResolvedRef }> {
  const settings = await context.settings();
  const named = options.ref === undefined ? null : parseShortRef(options.ref);
  const tenant =
    settings.tenant === undefined || context.options.tenant === undefined
      ? (named?.tenant ?? settings.tenant)
      : settings.tenant;
  const last = tenant === undefined ? null : await (await context.state()).lastApply(tenant);
  const text = options.ref ?? last?.ref;
  if (text === undefined)
    throw new CliError('USAGE', 'nothing was applied from here yet', {
      fix: 'logline minicontainer apply <manifest.json>, or add --ref mc:<tenant>/<name>',
    });
  const sdk = await connectToSign(context, { kid: options.key, ...(tenant === undefined ? {} : { tenant }) });
  return { sdk, resolved: await resolveRef(context, sdk, text) };
}

/** The target as the manifest knows it. @throws CliError */
export async function targetToDeploy(
  sdk: LogLineSDK,
  resolved: ResolvedRef,
  text: string | undefined,
): Promise<Target> {
  const asked = text === undefined ? null : parseTarget(text);
  const manifest = await appliedManifest(sdk, resolved).catch((error: unknown) => {
    // the view may be a moment behind what was just applied; the gate knows the manifest and checks the target itself
    if (asked !== null && error instanceof CliError && error.code === 'NOT_FOUND') return null;
    throw error;
  });
  if (manifest === null) return asked ?? { provider: 'docker' };
  const { targets } = manifest.deploy;
  if (asked !== null) return completeTarget(asked, targets);
  const [only] = targets.length === 1 ? targets : await withRunner(sdk, targets);
  if (only === undefined) {
    throw new CliError('USAGE', 'the manifest names several targets', {
      fix: `add --target with one of: ${targets.map(formatTarget).join('  ')}`,
    });
  }
  return only;
}

/** Of several targets the one that some runner runs; none when that leaves a choice. */
async function withRunner(sdk: LogLineSDK, targets: readonly Target[]): Promise<readonly Target[]> {
  const { registry } = await readRegistry(sdk);
  const runners = [...registry.runners.values()].filter(({ status }) => status === 'active');
  const runnable = targets.filter(({ provider }) =>
    runners.some(({ providers }) => providers.includes(provider)),
  );
  return runnable.length === 1 ? runnable : [];
}

export async function printDraft(
  { out }: Context,
  sdk: LogLineSDK,
  draft: {
    readonly intent: string;
    readonly subject: string;
    readonly payload: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  const { bytes, span } = await sdk.sign(draft);
  const { blake3Hash } = await import('@logline/canon-sign');
  const text = new TextDecoder().decode(bytes);
  out.result(
    { dry_run: true, span, canonical: text, hash: blake3Hash(bytes) },
    `${text}\n${blake3Hash(bytes)}`,
  );
}
