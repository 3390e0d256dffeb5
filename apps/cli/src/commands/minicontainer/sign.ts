import { signObject } from '@logline/canon-sign';
import { formatInstant } from '@logline/contracts';
import { checkManifest } from '@logline/tdln';
import { findToken } from '@logline/wallet';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { type Context, needArg } from '../../context.ts';
import { CliError, Exit } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import type { JsonObject } from '../../json-file.ts';
import { completeManifest } from '../../manifest/complete.ts';
import { writeManifest } from '../../manifest/edit.ts';
import { loadManifest } from '../../manifest/load.ts';
import { formatDetails } from '../../manifest/report.ts';
import { needTenant } from '../../config/settings.ts';

type Options = { readonly key?: string; readonly out?: string };

export function addSign(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'sign',
    args: '<file>',
    summary: 'fill in what is missing and sign a manifest with a key of this wallet',
    examples: [
      'logline minicontainer sign manifest.json',
      'logline minicontainer sign manifest.json --key kid_ci --out signed.json',
    ],
    options: [
      new Option('--key <kid>', 'the key to sign with, instead of the first of the wallet'),
      new Option('--out <file>', 'the file to write, instead of the one that was read (- for stdout)'),
    ],
    run: async (context, options, [file]) => {
      const { io, out } = context;
      const { manifest, name, kind } = await loadManifest(context, needArg(file, '<file>'));
      if (kind === 'llc' && options.out === undefined)
        throw new CliError('USAGE', 'a .llc is signed before it is packed', {
          fix: `logline minicontainer unpack ${name}, sign, and pack again`,
        });
      const { signed, filled } = await signManifest(context, manifest, options.key);
      refuseFaults(context, signed);
      const target = options.out ?? (name === 'stdin' ? '-' : name);
      for (const what of filled) out.note(`filled in ${what}`);
      const document = { signed_by: signed.provenance.kid, filled, manifest: signed };
      if (target === '-') {
        out.result(document, JSON.stringify(signed, null, 2));
        return;
      }
      await writeManifest(resolve(io.cwd, target), signed);
      out.result(
        { ...document, file: target, next: `logline minicontainer apply ${target}` },
        `${out.style.green('signed')} ${target} with ${signed.provenance.kid}\nnext: logline minicontainer apply ${target}`,
      );
    },
  });
}

export type SignedManifest = JsonObject & {
  readonly provenance: { readonly kid: string; readonly alg: 'ed25519-blake3'; readonly sig: string };
};

/** The completed manifest, signed. */
export async function signManifest(
  context: Context,
  manifest: JsonObject,
  kid: string | undefined,
): Promise<{ readonly signed: SignedManifest; readonly filled: readonly string[] }> {
  const settings = await context.settings();
  const wallet = await context.wallet();
  const signer = wallet.signer(kid);
  const { owner } = manifest;
  const written =
    typeof owner === 'object' && owner !== null && 'tenant' in owner && typeof owner.tenant === 'string'
      ? owner.tenant
      : undefined;
  const tenant = settings.tenant ?? written ?? needTenant(settings);
  const { parseApiToken } = await import('@logline/wallet');
  const token =
    settings.apiKey !== undefined && settings.apiKeyTenant === tenant
      ? settings.apiKey
      : findToken(wallet.wallet, tenant)?.token;
  const tokenId = token === undefined ? null : parseApiToken(token).tokenId;
  const pub = wallet.wallet.keys.find((key) => key.kid === signer.kid)?.pub ?? '';
  const completed = completeManifest(manifest, {
    tenant,
    kid: signer.kid,
    pub,
    tokenId,
    now: formatInstant(context.io.nowMs()),
  });
  return { signed: await signObject('manifest', completed.manifest, signer), filled: completed.filled };
}

/** Prints every fault and ends the command when there is one. */
export function refuseFaults(
  { out }: Context,
  manifest: JsonObject,
  options: { readonly tenant?: string; readonly subject?: string } = {},
): void {
  const { faults, warnings } = checkManifest(manifest, options);
  for (const warning of warnings)
    if (!warning.message.startsWith('signer: unchecked')) out.warn(`${warning.pointer} ${warning.message}`);
  if (faults.length === 0) return;
  const problem = {
    type: 'urn:logline:problem:422_schema_invalid',
    title: 'The manifest cannot be applied',
    status: 422,
    detail: `${faults.length} fault${faults.length === 1 ? '' : 's'} in the manifest`,
    code: faults[0]?.code ?? '422_SCHEMA_INVALID',
    errors: faults.map(({ pointer, message, fix }) => ({ pointer, detail: message, fix })),
  };
  out.fail(
    problem,
    `${formatDetails(faults, out.errorStyle.red('✗'), out.errorStyle)}\n${out.errorStyle.red('error:')} ${problem.detail}`,
  );
  throw new Exit(EXIT.invalid);
}
