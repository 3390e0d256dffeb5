import { PROOF_INTENTS, type ProofIntent, parseSubject } from '@logline/contracts';
import { type Command, Option } from 'commander';
import { addCommand, collectList, type ContextMaker, parseSeconds } from '../../command.ts';
import { type Context, needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { connectToSign } from '../../gateway.ts';
import { resolveRef } from '../../deploy/refs.ts';
import { parseContainer } from '../../manifest/subject.ts';
import { PROOF_MS, proveAndSubmit } from '../../wallet/make-proof.ts';
import { shortRef } from '../minicontainer/apply.ts';

type Options = {
  readonly subject?: string;
  readonly ref?: string;
  readonly aud?: readonly string[];
  readonly key?: string;
  readonly for?: number;
};

export function addProve(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'prove',
    args: '<intent>',
    summary: 'make a permission that can be used once, and have it verified',
    about: `Intents: ${PROOF_INTENTS.join(', ')}. Subject and ref are those of the last apply unless given.`,
    examples: [
      'logline wallet prove deploy.allow --tenant voulezvous',
      'logline wallet prove deploy.stop --subject urn:minicontainer:voulezvous/web --for 5m',
    ],
    options: [
      new Option('--subject <urn>', 'the container'),
      new Option('--ref <ref>', 'the manifest, short or full'),
      new Option('--aud <kid>', 'a key that may use it beside its own; several with commas').argParser(
        collectList,
      ),
      new Option('--for <duration>', 'how long it may wait to be used, 14m at most').argParser(parseSeconds),
      new Option('--key <kid>', 'the key to sign with'),
    ],
    run: async (context, options, [given]) => {
      const { out } = context;
      const intent = parseProofIntent(needArg(given, '<intent>'));
      if ((options.for ?? 0) > PROOF_MS) throw new CliError('USAGE', 'a proof waits 14 minutes at most');
      const { tenant, subject, ref } = await whatToProve(context, options);
      const sdk = await connectToSign(context, { kid: options.key, tenant });
      const full = ref === undefined ? undefined : (await resolveRef(context, sdk, ref)).ref;
      if (full === undefined && intent !== 'deploy.stop')
        throw new CliError('USAGE', `${intent} is proven for one manifest`, {
          fix: 'apply one first, or add --ref mc:<tenant>/<name>',
        });
      const { proof, submitted } = await proveAndSubmit(context, sdk, {
        intent,
        subject,
        ref: full,
        aud: options.aud,
        kid: options.key,
        lifeMs: options.for,
      });
      const next =
        intent === 'deploy.stop'
          ? `logline deploy stop ${subject}`
          : `logline deploy up --ref ${shortRef(full ?? '')} --watch`;
      const { receipt } = submitted;
      out.result(
        {
          status: 'ok',
          proof: proof.id,
          intent,
          subject,
          ref: full,
          exp: proof.exp,
          receipt: receipt.receipt,
          receipt_file: receipt.path,
          receipt_verified: receipt.verified === 'yes',
          next,
        },
        [
          `${out.style.green('proven')} ${intent} for ${subject}`,
          ...(full === undefined ? [] : [`  ref    ${full}`]),
          `  proof  ${out.style.bold(proof.id)}, once, until ${proof.exp}`,
          `next: ${next}`,
        ].join('\n'),
      );
    },
  });
}

function parseProofIntent(text: string): ProofIntent {
  const intent = PROOF_INTENTS.find((known) => known === text);
  if (intent !== undefined) return intent;
  throw new CliError('USAGE', `${JSON.stringify(text)} is nothing to prove`, {
    fix: `one of ${PROOF_INTENTS.join(', ')}`,
  });
}

/** Subject and ref as given, else those of the last apply. */
export async function whatToProve(
  context: Context,
  options: { readonly subject?: string; readonly ref?: string },
): Promise<{ tenant: string; subject: string; ref: string | undefined }> {
  const settings = await context.settings();
  if (options.subject !== undefined || options.ref !== undefined) {
    const subject = parseContainer(options.subject ?? options.ref ?? '', settings.tenant);
    const { tenant } = parseSubject(subject);
    const last = await (await context.state()).lastApply(tenant);
    return { tenant, subject, ref: options.ref ?? (last?.subject === subject ? last.ref : undefined) };
  }
  const tenant = settings.tenant;
  const last = tenant === undefined ? null : await (await context.state()).lastApply(tenant);
  if (tenant === undefined || last === null) {
    throw new CliError('USAGE', 'nothing was applied from here yet', {
      fix: 'logline minicontainer apply <manifest.json>, or add --subject and --ref',
    });
  }
  return { tenant, subject: last.subject, ref: last.ref };
}
