import { blake3Hash, canonicalBytes, MAX_SPAN_BYTES } from '@logline/canon-sign';
import { formatRef, parseSubject } from '@logline/contracts';
import type { LogLineSDK } from '@logline/sdk';
import { type Command, Option } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needTenant } from '../../config/settings.ts';
import { type Context, needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { connectToSign } from '../../gateway.ts';
import { isObject, type JsonObject } from '../../json-file.ts';
import { isSigned } from '../../manifest/complete.ts';
import { type LoadedManifest, loadManifest } from '../../manifest/load.ts';
import { subjectOfManifest } from '../../manifest/subject.ts';
import { submit } from '../../submit.ts';
import { refuseFaults, signManifest } from './sign.ts';

type Options = { readonly name?: string; readonly key?: string; readonly dryRun?: boolean };

export function addApply(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'apply',
    args: '<file>',
    summary: 'make a manifest the current one of its container',
    about:
      'Takes a manifest, a .llc, or - for stdin. An unsigned manifest is completed and signed first; the file stays as it is. Sealed artifacts are uploaded\n' +
      'from artifacts/<id> beside it, or from the .llc. Everything is checked here before anything is sent.',
    examples: [
      'logline minicontainer apply manifest.json',
      'logline minicontainer apply web.llc --name web --tenant voulezvous --json',
      'cat manifest.json | logline minicontainer apply - --name web --dry-run',
    ],
    options: [
      new Option('--name <name>', 'what the container is called, instead of the service of the first target'),
      new Option('--key <kid>', 'the key to sign with, instead of the first of the wallet'),
      new Option('--dry-run', 'print what would be signed and sent, and send nothing'),
    ],
    run: async (context, options, [file]) => {
      const loaded = await loadManifest(context, needArg(file, '<file>'));
      const { manifest, filled } = isSigned(loaded.manifest)
        ? { manifest: loaded.manifest, filled: [] }
        : await sign(context, loaded.manifest, options.key);
      const settings = await context.settings();
      const tenant = settings.tenant ?? ownerOf(manifest) ?? needTenant(settings);
      const subject = subjectOfManifest(manifest, tenant, options.name);
      refuseFaults(context, manifest, { tenant, subject });
      for (const what of filled) context.out.note(`filled in ${what}`);
      if (options.dryRun === true) return await dryRun(context, subject, manifest, options.key);

      const sdk = await connectToSign(context, { kid: options.key, tenant });
      await uploadArtifacts(context, sdk, loaded, manifest);
      const { signed, receipt, verdict, isReplayed } = await submit(context, sdk, {
        intent: 'minicontainer.apply',
        subject,
        payload: { manifest },
      });
      const ref = refOf(subject, manifest, verdict?.payload);
      await (await context.state()).setLastApply(tenant, { subject, ref, at: receipt.receipt.ts });
      const next = `logline deploy up --ref ${shortRef(ref)}${targetOf(manifest)} --watch`;
      const { style } = context.out;
      context.out.result(
        {
          status: 'ok',
          subject,
          ref,
          this: signed.span.this,
          replayed: isReplayed,
          filled,
          receipt: receipt.receipt,
          receipt_file: receipt.path,
          receipt_verified: receipt.verified === 'yes',
          next,
        },
        [
          `${style.green('applied')} ${subject}`,
          `  ref      ${style.bold(ref)}`,
          `  receipt  index ${receipt.receipt.index} of ${receipt.receipt.log}, ${receipt.verified === 'yes' ? 'verified' : 'not verified'}`,
          `next: ${next}`,
        ].join('\n'),
      );
    },
  });
}

async function sign(
  context: Context,
  manifest: JsonObject,
  kid: string | undefined,
): Promise<{ manifest: JsonObject; filled: readonly string[] }> {
  const { signed, filled } = await signManifest(context, manifest, kid);
  context.out.note(`signed with ${signed.provenance.kid}`);
  return { manifest: signed, filled };
}

/** Uploads what came along; what did not must be there from before. */
async function uploadArtifacts(
  context: Context,
  sdk: LogLineSDK,
  loaded: LoadedManifest,
  manifest: JsonObject,
): Promise<void> {
  const list = manifest['artifacts'];
  for (const item of Array.isArray(list) ? list : []) {
    if (!isObject(item)) continue; // refused above
    const { id, hash } = item;
    if (typeof id !== 'string' || typeof hash !== 'string') continue;
    const bytes = loaded.artifacts.get(id);
    if (bytes !== undefined && blake3Hash(bytes) !== hash) {
      throw new CliError(
        'INVALID_INPUT',
        `artifacts/${id} is not the artifact that the manifest names (${hash.slice(0, 19)}…)`,
        { fix: `seal it again: logline wallet seal ${id}` },
      );
    }
    if (bytes === undefined) {
      if ((await sdk.artifact(hash)) !== null) continue;
      throw new CliError(
        'NOT_FOUND',
        `the sealed artifact ${id} is neither in artifacts/ beside the manifest nor uploaded before`,
        { fix: `logline wallet seal ${id}` },
      );
    }
    await sdk.putArtifact(bytes);
    context.out.note(`uploaded ${id} (${bytes.length} bytes, sealed)`);
  }
}

async function dryRun(
  context: Context,
  subject: string,
  manifest: JsonObject,
  kid: string | undefined,
): Promise<void> {
  const sdk = await connectToSign(context, { kid, tenant: parseSubject(subject).tenant });
  const { bytes } = await sdk.sign({ intent: 'minicontainer.apply', subject, payload: { manifest } });
  if (bytes.length > MAX_SPAN_BYTES)
    throw new CliError(
      'INVALID_INPUT',
      `the span would have ${bytes.length} bytes, ${MAX_SPAN_BYTES} are allowed`,
    );
  const text = new TextDecoder().decode(bytes);
  context.out.result(
    {
      dry_run: true,
      subject,
      ref: refOf(subject, manifest, undefined),
      canonical: text,
      hash: blake3Hash(bytes),
    },
    `${text}\n${blake3Hash(bytes)}`,
  );
}

function refOf(
  subject: string,
  manifest: JsonObject,
  verdict: Readonly<Record<string, unknown>> | undefined,
): string {
  if (typeof verdict?.['ref'] === 'string') return verdict['ref'];
  const container = parseSubject(subject);
  const name = container.kind === 'minicontainer' ? container.name : '';
  return formatRef({ tenant: container.tenant, name, hash: blake3Hash(canonicalBytes(manifest)) });
}

/** The first twelve hex are enough for people; everything signed has all 64. */
export function shortRef(ref: string): string {
  return ref.replace(/(@blake3:[0-9a-f]{12})[0-9a-f]+$/, '$1');
}

/** Where there is only one target it is named; of several, `deploy up` takes the one that a runner runs. */
function targetOf(manifest: JsonObject): string {
  const deploy = manifest['deploy'];
  const targets = isObject(deploy) && Array.isArray(deploy['targets']) ? deploy['targets'] : [];
  const [only]: readonly unknown[] = targets;
  return targets.length === 1 && isObject(only) && typeof only['provider'] === 'string'
    ? ` --target ${only['provider']}`
    : '';
}

function ownerOf(manifest: JsonObject): string | undefined {
  const { owner } = manifest;
  return isObject(owner) && typeof owner['tenant'] === 'string' ? owner['tenant'] : undefined;
}
