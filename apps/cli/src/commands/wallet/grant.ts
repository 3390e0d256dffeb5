import { parseHex } from '@logline/canon-sign';
import { type Grant, parseSubject } from '@logline/contracts';
import {
  findContentKey,
  findPin,
  type FullGrant,
  makeGrant,
  RUNTIME_READ,
  wrapContentKey,
} from '@logline/wallet';
import { type Command, Option } from 'commander';
import { basename } from 'node:path';
import { addCommand, collectList, type ContextMaker } from '../../command.ts';
import { needTenant } from '../../config/settings.ts';
import { type Context, needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { connect } from '../../gateway.ts';
import { readInput } from '../../files.ts';
import { isObject, type JsonObject, readJsonObject } from '../../json-file.ts';
import { manifestToEdit } from '../../manifest/default-file.ts';
import { draftedGrant, editManifest, withGrant } from '../../manifest/edit.ts';
import { parseContainer, subjectOfManifest } from '../../manifest/subject.ts';
import { followerOf, readLogKey } from '../../receipts/log-key.ts';
import { provenRunners } from '../../registry/read.ts';
import type { RunnerRow } from '../../registry/registry.ts';

type Options = {
  readonly aud?: string;
  readonly id?: string;
  readonly ttl?: string;
  readonly scope?: readonly string[];
  readonly env?: string;
  readonly name?: string;
  readonly runner?: readonly string[];
  readonly key?: string;
  readonly manifest?: string | false;
};

const DEFAULT_TTL = 'P30D';

export function addGrant(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'grant',
    args: '<artifact>',
    summary: 'let the registered runners open a sealed artifact for one container',
    about:
      'Makes a signed grant with the content key wrapped to each runner of the audience, once its registration is proven in the log.\n' +
      'Where the manifest drafts a grant of this artifact, its id, audience, scope and life are kept.',
    examples: [
      'logline wallet grant secret_db_url --aud docker --env DB_URL',
      'logline wallet grant secret_db_url --aud railway:proj/web --ttl P7D --name web --no-manifest --json',
    ],
    options: [
      new Option('--aud <audience>', 'provider, or provider:project/service'),
      new Option('--env <variable>', 'the variable that hands it to the process'),
      new Option('--name <name>', 'the container, instead of the service of the first target'),
      new Option('--ttl <duration>', 'how long it lasts: PnD or PTnHnMnS').default(undefined, DEFAULT_TTL),
      new Option('--scope <scope>', 'what it allows').argParser(collectList).default(undefined, RUNTIME_READ),
      new Option('--id <id>', 'the id of the grant').default(undefined, 'grt_<artifact>'),
      new Option('--runner <runner>', 'only this runner; several with commas').argParser(collectList),
      new Option('--key <kid>', 'the key to sign with'),
      new Option('--manifest <file>', 'the manifest to put it in (manifest.json when there is one)'),
      new Option('--no-manifest', 'print it instead'),
    ],
    run: async (context, options, [given]) => {
      const { io } = context;
      const artifactId = needArg(given, '<artifact>');
      const tenant = needTenant(await context.settings());
      const { wallet } = await context.wallet();
      const manifestPath = await manifestToEdit(io, options.manifest);
      const read = async (path: string): Promise<JsonObject> => readJsonObject(await readInput(path), path);
      const manifest = manifestPath === null ? null : await read(manifestPath);

      const content = findContentKey(
        wallet,
        tenant,
        artifactId,
        manifest === null ? undefined : listedHash(manifest, artifactId),
      );
      if (content === null) {
        throw new CliError(
          'NOT_FOUND',
          `this wallet has no content key for the artifact ${artifactId} of ${tenant}`,
          { fix: `seal it first: logline wallet seal ${artifactId}` },
        );
      }
      const subject =
        options.name === undefined
          ? subjectOfManifest(manifest ?? {}, tenant, undefined)
          : parseContainer(options.name, tenant);
      if (parseSubject(subject).tenant !== tenant)
        throw new CliError('USAGE', `${subject} is not of the tenant ${tenant}`);
      const terms = termsOf(
        options,
        manifest === null ? null : draftedGrant(manifest, artifactId),
        artifactId,
      );
      const grant = await makeGrant(
        { ...terms, artifactId, artifactHash: content.artifact_hash, subject, iatMs: io.nowMs() },
        (await context.wallet()).signer(options.key),
      );
      const runners = await runnersFor(context, tenant, terms.aud, options.runner);
      const wraps = await Promise.all(
        runners.map(({ runner, hpke_pub }) =>
          wrapContentKey({
            contentKey: parseHex(content.key, 32),
            tenant,
            runner,
            hpkePublicKey: hpke_pub,
            grant,
          }),
        ),
      );
      const full: FullGrant = { ...grant, wraps };
      if (manifestPath !== null)
        await editManifest(
          manifestPath,
          () => read(manifestPath),
          (current) => withGrant(current, full, options.env),
        );
      report(context, full, runners, manifestPath, options.env);
    },
  });
}

function termsOf(
  options: Options,
  draft: JsonObject | null,
  artifactId: string,
): { id: string; aud: string; ttl: string; scope: readonly string[] } {
  const drafted = (field: string): string | undefined => {
    const value = draft?.[field];
    return typeof value === 'string' ? value : undefined;
  };
  const scope = draft?.['scope'];
  const aud = options.aud ?? drafted('aud');
  if (aud === undefined)
    throw new CliError('USAGE', 'the grant needs an audience', {
      fix: 'add --aud docker, or whatever target the container runs on',
    });
  return {
    id: options.id ?? drafted('id') ?? `grt_${artifactId.replace(/^secret_/, '')}`.slice(0, 64),
    aud,
    ttl: options.ttl ?? drafted('ttl') ?? DEFAULT_TTL,
    scope:
      options.scope ??
      (Array.isArray(scope) && scope.every((item: unknown) => typeof item === 'string')
        ? scope.map(String)
        : [RUNTIME_READ]),
  };
}

/** Runners of the audience's provider, proven in the log. */
async function runnersFor(
  context: Context,
  tenant: string,
  aud: string,
  only: readonly string[] | undefined,
): Promise<readonly RunnerRow[]> {
  const pin = findPin((await context.wallet()).wallet, tenant);
  if (pin === null) {
    throw new CliError('AUTH_NEEDED', `this wallet has not pinned the root and log key of ${tenant}`, {
      fix: `logline login --tenant ${tenant} --log-key <vkey> --root <kid>:<public key>`,
    });
  }
  const sdk = await connect(context, { tenant });
  const keys = followerOf(context, await readLogKey(context, pin.log_key), () => sdk.logRotations());
  const all = await provenRunners(sdk, { root: pin.root, keys });
  const provider = aud.split(':', 1)[0] ?? aud;
  const runners = all.filter(
    (row) => row.providers.includes(provider) && (only === undefined || only.includes(row.runner)),
  );
  if (runners.length === 0) {
    throw new CliError(
      'NOT_FOUND',
      `no runner of ${tenant} runs ${provider}${only === undefined ? '' : ` under the names ${only.join(', ')}`}`,
      { fix: 'logline runner list shows them; logline runner add registers one' },
    );
  }
  return runners;
}

function listedHash(manifest: JsonObject, artifactId: string): string | undefined {
  const list = manifest['artifacts'];
  const listed: unknown = Array.isArray(list)
    ? list.find((item: unknown) => isObject(item) && item['id'] === artifactId)
    : undefined;
  const hash = isObject(listed) ? listed['hash'] : undefined;
  return typeof hash === 'string' && /^blake3:[0-9a-f]{64}$/.test(hash) ? hash : undefined;
}

function report(
  { out }: Context,
  grant: Grant,
  runners: readonly RunnerRow[],
  manifestPath: string | null,
  variable: string | undefined,
): void {
  const names = runners.map(({ runner }) => runner);
  if (manifestPath === null) {
    out.result({ grant, runners: names }, JSON.stringify(grant, null, 2));
    return;
  }
  const file = basename(manifestPath);
  const hint =
    variable === undefined
      ? [
          `  use it    set a variable of deploy.env to grant://${grant.id} (or run this with --env <variable>)`,
        ]
      : [`  variable  ${variable} = grant://${grant.id}`];
  out.result(
    { grant, runners: names, manifest: manifestPath, next: `logline minicontainer apply ${file}` },
    [
      `${out.style.green('granted')} ${grant.artifact_id} to ${grant.aud} as ${out.style.bold(grant.id)} for ${grant.ttl}`,
      `  container ${grant.subject}`,
      `  wrapped   for ${names.join(', ')}`,
      ...hint,
      `next: logline minicontainer apply ${file}`,
    ].join('\n'),
  );
}
